//go:build !linux

package machine

import (
	"context"
	"net/netip"
	"os"
	"strconv"

	gopsnet "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// listener asks the system for the sockets that listen. macOS shows users only those of
// their own processes, Windows shows all.
func listener(ctx context.Context, port, likely int) (Listener, error) {
	tried := []int{likely, 0}
	if likely == 0 {
		tried = tried[1:]
	}
	for _, pid := range tried {
		list, err := gopsnet.ConnectionsPidWithContext(ctx, "tcp", int32(pid)) // 0: everybody's
		if err != nil {
			return Listener{}, err
		}
		var found gopsnet.ConnectionStat
		best := 0
		for _, c := range list {
			if c.Status == "LISTEN" && int(c.Laddr.Port) == port && reachOf(c.Laddr.IP) > best {
				best, found = reachOf(c.Laddr.IP), c
			}
		}
		if best > 0 {
			return Listener{PID: int(found.Pid), User: foreignOwner(ctx, found.Pid)}, nil
		}
	}
	return Listener{}, ErrNoListener
}

// reachOf is reach for an address as lsof (macOS) or Windows writes it.
func reachOf(ip string) int {
	if ip == "*" {
		return reach(netip.IPv4Unspecified())
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return 0
	}
	return reach(addr)
}

// foreignOwner is the user of a process, or "" when that is our own user.
func foreignOwner(ctx context.Context, pid int32) string {
	p, err := process.NewProcessWithContext(ctx, pid)
	if err != nil {
		return OtherUser // Windows shows us all processes of our own user
	}
	if me := os.Getuid(); me >= 0 {
		uids, err := p.UidsWithContext(ctx)
		if err != nil || len(uids) == 0 {
			return OtherUser
		}
		if uid := int(uids[0]); uid != me {
			return strconv.Itoa(uid)
		}
		return ""
	}
	self, err := process.NewProcessWithContext(ctx, int32(os.Getpid()))
	if err != nil {
		return OtherUser
	}
	me, err := self.UsernameWithContext(ctx)
	if err != nil {
		return OtherUser
	}
	name, err := p.UsernameWithContext(ctx)
	switch {
	case err != nil:
		return OtherUser
	case name != me:
		return name
	}
	return ""
}
