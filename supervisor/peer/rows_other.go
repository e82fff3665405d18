//go:build !linux

package peer

import (
	"context"
	"net/netip"

	gopsnet "github.com/shirou/gopsutil/v4/net"
)

// holder is the pid of the process whose socket is connected from one address to another.
// macOS shows users only the sockets of their own processes, Windows shows all.
func holder(ctx context.Context, from, to netip.AddrPort) (pid int32, err error) {
	list, err := gopsnet.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return 0, err
	}
	for _, c := range list {
		if c.Status == "ESTABLISHED" && c.Pid > 0 && is(c.Laddr, from) && is(c.Raddr, to) {
			return c.Pid, nil
		}
	}
	return 0, ErrUnknown
}

func is(a gopsnet.Addr, want netip.AddrPort) bool {
	addr, err := netip.ParseAddr(a.IP)
	return err == nil && addr.Unmap() == want.Addr() && a.Port == uint32(want.Port())
}
