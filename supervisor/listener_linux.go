package supervisor

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"strconv"

	"github.com/shirou/gopsutil/v4/process"
)

// listener reads the kernel's own tables, because they name the owner of every
// socket to everybody; whose process it is in, only its owner and root are told.
// The library that we use for other systems knows owners only by their processes.
func listener(ctx context.Context, port, likely int) (Listener, error) {
	var uid int
	var inode string
	best := 0
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		rows, err := os.ReadFile(table)
		if os.IsNotExist(err) {
			continue // no IPv6
		} else if err != nil {
			return Listener{}, err
		}
		for row := range bytes.Lines(rows) {
			f := bytes.Fields(row) // proc_net_tcp(5): number, local, remote, state, queues, timer, retries, uid, timeout, inode
			if len(f) < 10 || string(f[3]) != listenState {
				continue
			}
			local, err := socketAddr(f[1])
			if err != nil || int(local.Port()) != port || reach(local.Addr()) <= best {
				continue
			}
			best, inode = reach(local.Addr()), string(f[9])
			if uid, err = strconv.Atoi(string(f[7])); err != nil {
				return Listener{}, err
			}
		}
	}
	if best == 0 {
		return Listener{}, ErrNoListener
	}
	l := Listener{PID: holder(ctx, "socket:["+inode+"]", likely)}
	if uid != os.Getuid() {
		l.User = userName(uid)
	}
	return l, nil
}

// listenState is TCP_LISTEN as the tables write it.
const listenState = "0A"

// socketAddr reads an address and a port in hexadecimal, the address as words in
// the order of the processor.
func socketAddr(field []byte) (netip.AddrPort, error) {
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
	return netip.AddrPortFrom(addr, uint16(p)), nil
}

// holder is the process that has the socket open, 0 when the system does not tell.
func holder(ctx context.Context, socket string, likely int) int {
	if likely > 0 && holds(likely, socket) {
		return likely
	}
	pids, err := process.PidsWithContext(ctx)
	if err != nil {
		return 0
	}
	for _, pid := range pids {
		if holds(int(pid), socket) {
			return int(pid)
		}
	}
	return 0
}

func holds(pid int, socket string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, name := range names {
		if to, err := os.Readlink(dir + "/" + name); err == nil && to == socket {
			return true
		}
	}
	return false
}

func userName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
