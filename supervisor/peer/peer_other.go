//go:build !linux && !windows

package peer

import (
	"context"
	"net/netip"
	"os"
	"strconv"

	"github.com/shirou/gopsutil/v4/process"
)

func check(ctx context.Context, ours, theirs netip.AddrPort) error {
	pid, err := holder(ctx, theirs, ours)
	if err != nil {
		return err
	}
	p, err := process.NewProcessWithContext(ctx, pid)
	if err != nil {
		return err
	}
	uids, err := p.UidsWithContext(ctx)
	switch {
	case err != nil:
		return err
	case len(uids) == 0:
		return ErrUnknown
	case int(uids[0]) != os.Getuid():
		return ForeignError{strconv.Itoa(int(uids[0]))}
	}
	return nil
}
