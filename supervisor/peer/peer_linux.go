package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
)

// check asks the kernel, which tells everybody the user of every socket. The library that
// we use on other systems finds the user through the process, and Linux hides which
// process of another user has a socket.
func check(ctx context.Context, ours, theirs netip.AddrPort) error {
	uid, found, err := ask(theirs, ours)
	if err != nil {
		uid, found, err = look(ctx, theirs, ours)
	}
	switch {
	case err != nil:
		return err
	case !found:
		return ErrUnknown
	case uid != os.Getuid():
		return ForeignError{UserName(uid, "")}
	}
	return nil
}

// looks is how many times the tables are read for one connection. The kernel produces them
// piece by piece, so a row can be missing while sockets come and go.
const looks = 5

// look finds in the kernel's tables the user of the socket that is connected from one
// address to another.
func look(ctx context.Context, from, to netip.AddrPort) (uid int, found bool, err error) {
	for range looks {
		for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
			rows, err := os.ReadFile(table)
			if os.IsNotExist(err) {
				continue // no IPv6
			} else if err != nil {
				return 0, false, err
			}
			if uid, found, err := owner(rows, from, to); found || err != nil {
				return uid, found, err
			}
		}
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
	}
	return 0, false, nil
}

// established is TCP_ESTABLISHED, as the tables write it. In later states the program may
// have closed its socket, and then many kernels name user 0, whoever had the socket.
const established = "01"

// owner finds in one table the user of the socket that is connected from one address to
// another.
func owner(table []byte, from, to netip.AddrPort) (uid int, found bool, err error) {
	for row := range bytes.Lines(table) {
		f := bytes.Fields(row) // proc_net_tcp(5): number, local, remote, state, queues, timer, retries, uid, timeout, inode
		if len(f) < 10 || string(f[3]) != established {
			continue
		}
		local, err := SocketAddr(f[1])
		if err != nil || local != from {
			continue
		}
		if remote, err := SocketAddr(f[2]); err != nil || remote != to {
			continue
		}
		uid, err = strconv.Atoi(string(f[7]))
		return uid, err == nil, err
	}
	return 0, false, nil
}

// SocketAddr reads an address and a port as /proc/net/tcp and tcp6 write them: in
// hexadecimal, the address in words of 32 bits in the byte order of the processor
// (proc_net_tcp(5)). An IPv4 address within IPv6 becomes IPv4.
func SocketAddr(field []byte) (netip.AddrPort, error) {
	words, port, _ := bytes.Cut(field, []byte(":"))
	var ip []byte
	for ; len(words) >= 8; words = words[8:] {
		word, err := strconv.ParseUint(string(words[:8]), 16, 32)
		if err != nil {
			return netip.AddrPort{}, err
		}
		ip = binary.NativeEndian.AppendUint32(ip, uint32(word))
	}
	addr, ok := netip.AddrFromSlice(ip)
	p, err := strconv.ParseUint(string(port), 16, 16)
	if !ok || err != nil {
		return netip.AddrPort{}, fmt.Errorf("no socket address: %q", field)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(p)), nil
}
