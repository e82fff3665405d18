package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shirou/gopsutil/v4/disk"

	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
)

// spaceNeeded is the minimum space for a gateway and its logs, in bytes. With less, the
// gateway fails with misleading messages.
const spaceNeeded = 50 << 20

// secrets checks who may read the files that contain secrets. The check of the settings
// includes clawtray's own file.
func (s Subject) secrets(ctx context.Context) []Finding {
	paths := []string{s.Dirs.State, s.Dirs.Identity(), s.Dirs.DeviceTokens(), machine.TokenFile(s.Dirs.State), s.Dirs.Log()}
	if e, err := s.Machine.Effective(ctx); err == nil && len(e.Secrets.Values()) > 0 {
		paths = append(paths, e.File.Files...)
	}
	var found []Finding
	t, seen := s.Voice.Doctor, 0
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue // the file does not exist yet, or its user reports that it cannot be read
		}
		seen++
		if !settings.OpenToOthers(info) {
			continue
		}
		level, mode := Problem, "600"
		if info.IsDir() { // the files in a folder have their own modes
			level, mode = Warning, "700"
		}
		found = append(found, Finding{Name: "secrets", Level: level, Detail: fmt.Sprintf(t.SecretOpen, path, info.Mode().Perm()),
			Remedy: fmt.Sprintf(t.SecretRemedy, mode, path)})
	}
	switch {
	case seen == 0:
		return one("secrets", OK, t.NoSecrets, "")
	case len(found) == 0:
		return one("secrets", OK, fmt.Sprintf(t.SecretsClosed, seen), "")
	}
	return found
}

// folders checks whether the folders that clawtray and the gateway write to can be written.
func (s Subject) folders(ctx context.Context) []Finding {
	var found []Finding
	t, free := s.Voice.Doctor, ""
	for _, dir := range []string{s.Dirs.Config, s.Dirs.State, s.Dirs.Data, s.Dirs.Cache, openclaw.PathsFrom(s.Machine.Env, s.Machine.Home).StateDir} {
		place, err := s.existing(dir)
		if err == nil {
			err = writable(place)
		}
		if err != nil {
			found = append(found, Finding{Name: "folders", Level: Problem, Detail: fmt.Sprintf(t.NotWritable, dir, s.Voice.said(err)), Remedy: t.NotWritableRemedy})
			continue
		}
		usage, err := disk.UsageWithContext(ctx, place)
		if err != nil {
			continue // some file systems do not tell their free space
		}
		left := fmt.Sprintf("%d MB", usage.Free>>20)
		switch {
		case usage.Free < spaceNeeded:
			found = append(found, Finding{Name: "folders", Level: Problem, Detail: fmt.Sprintf(t.DiskFull, dir, left), Remedy: t.FreeSpace})
		case usage.Free < machine.LowSpace:
			found = append(found, Finding{Name: "folders", Level: Warning, Detail: fmt.Sprintf(t.DiskLow, dir, left), Remedy: t.FreeSpaceSoon})
		case free == "":
			free = left
		}
	}
	if err := openclaw.CheckPrivate(openclaw.CompileCache(s.Dirs.Cache)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		found = append(found, Finding{Name: "folders", Level: Warning, Detail: fmt.Sprintf(t.CacheOpen, s.Voice.said(err)), Remedy: t.CacheRemedy})
	}
	if len(found) == 0 {
		return one("folders", OK, fmt.Sprintf(t.Writable, free), "")
	}
	return found
}

// existing is the folder itself, or the nearest one above it that exists.
func (s Subject) existing(dir string) (string, error) {
	for {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
			dir = filepath.Dir(dir)
		case err != nil:
			return "", err
		case !info.IsDir():
			return "", fmt.Errorf(s.Voice.Doctor.NotAFolder, dir)
		default:
			return dir, nil
		}
	}
}
