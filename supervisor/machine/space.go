package machine

import (
	"context"
	"fmt"
	"os"

	"github.com/shirou/gopsutil/v4/disk"
)

// LowSpace is how many bytes a disk has left when its end is near.
const LowSpace = 500 << 20

// spaceStep is how exactly the space left is told, in bytes: a text that changes with
// each byte would be news every time.
const spaceStep = 50 << 20

// Space names the folders that a gateway writes to and whose disk has little space left,
// each with how much: its state and the temporary folder.
func (m *Machine) Space(ctx context.Context, stateDir string) []string {
	low, err := call[[]string]{what: "looking at the space of " + stateDir, do: func() ([]string, error) {
		return lowOf([]string{stateDir, os.TempDir()}, disk.Usage), nil
	}}.in(ctx, &m.lanes.space)
	if err != nil {
		m.Log.Warn("the space on the disks could not be looked at", "err", err)
	}
	return low
}

// lowOf are those of the folders that have little space. Two on the same disk are told once.
func lowOf(dirs []string, usage func(string) (*disk.UsageStat, error)) (low []string) {
	var full disk.UsageStat
	for _, dir := range dirs {
		u, err := usage(dir)
		if err != nil || u.Total == 0 || u.Free >= LowSpace { // some file systems do not tell
			continue
		}
		if u.Total != full.Total || u.Free != full.Free {
			low = append(low, dir+": "+left(u.Free))
		}
		full = *u
	}
	return low
}

// left is a number of bytes for people.
func left(free uint64) string {
	if free < spaceStep {
		return fmt.Sprintf("less than %d MB", spaceStep>>20)
	}
	return fmt.Sprintf("%d MB", free/spaceStep*spaceStep>>20)
}
