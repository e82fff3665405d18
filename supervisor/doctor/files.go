package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shirou/gopsutil/v4/disk"

	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
)

const (
	// spaceNeeded is what a gateway and its logs need at least, in bytes; with less
	// it fails in misleading words.
	spaceNeeded = 50 << 20
	// spaceWanted is when the end is near.
	spaceWanted = 500 << 20
)

// secrets looks at who may read the files that hold secrets. The settings have
// seen to their own.
func (s Subject) secrets(context.Context) []Finding {
	paths := []string{s.Dirs.Runtime, s.Dirs.State, s.Dirs.Identity(), s.Dirs.DeviceTokens(), supervisor.TokenFile(s.Dirs.State), s.Dirs.Log()}
	cfg, _ := s.Machine.GatewayConfig()
	if cfg.Token != "" {
		paths = append(paths, openclaw.PathsFrom(s.Machine.Env, s.Machine.Home).ConfigPath)
	}
	var found []Finding
	seen := 0
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue // not made yet; what needs it says when it cannot be read
		}
		seen++
		if !settings.OpenToOthers(info) {
			continue
		}
		level, mode := Problem, "600"
		if info.IsDir() { // what is in it has modes of its own
			level, mode = Warning, "700"
		}
		found = append(found, Finding{Name: "secrets", Level: level, Detail: fmt.Sprintf("%s is open to other users (mode %04o)", path, info.Mode().Perm()),
			Remedy: fmt.Sprintf("Run `chmod %s %s`; replace the secrets in it if others may have read them.", mode, path)})
	}
	switch {
	case seen == 0:
		return one("secrets", OK, "none kept yet", "")
	case len(found) == 0:
		return one("secrets", OK, fmt.Sprintf("%d files and folders, all yours alone", seen), "")
	}
	return found
}

// folders looks at whether what has to be written can be written.
func (s Subject) folders(ctx context.Context) []Finding {
	var found []Finding
	free := ""
	for _, dir := range []string{s.Dirs.Config, s.Dirs.State, s.Dirs.Data, s.Dirs.Cache, openclaw.PathsFrom(s.Machine.Env, s.Machine.Home).StateDir} {
		place, err := existing(dir)
		if err == nil {
			err = writable(place)
		}
		if err != nil {
			found = append(found, Finding{Name: "folders", Level: Problem, Detail: fmt.Sprintf("%s cannot be written: %v", dir, err), Remedy: "Correct what it is or who owns it: it has to be a folder that you may write."})
			continue
		}
		usage, err := disk.UsageWithContext(ctx, place)
		if err != nil {
			continue // some file systems do not tell
		}
		left := fmt.Sprintf("%d MB", usage.Free>>20)
		switch {
		case usage.Free < spaceNeeded:
			found = append(found, Finding{Name: "folders", Level: Problem, Detail: fmt.Sprintf("the disk of %s is full (%s left)", dir, left), Remedy: "Free some space."})
		case usage.Free < spaceWanted:
			found = append(found, Finding{Name: "folders", Level: Warning, Detail: fmt.Sprintf("the disk of %s is nearly full (%s left)", dir, left), Remedy: "Free some space soon."})
		case free == "":
			free = left
		}
	}
	if len(found) == 0 {
		return one("folders", OK, "writable, "+free+" left", "")
	}
	return found
}

// existing is the folder itself, or the nearest one above it that exists.
func existing(dir string) (string, error) {
	for {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
			dir = filepath.Dir(dir)
		case err != nil:
			return "", err
		case !info.IsDir():
			return "", fmt.Errorf("%s is not a folder", dir)
		default:
			return dir, nil
		}
	}
}
