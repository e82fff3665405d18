package openclaw

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// listFile contains the size and the name of every file of a version, one per line.
// Comparing sizes is enough, because an installation is damaged by files that are removed,
// shortened or replaced, and 43,000 hashes would take 12 s (measured, OpenClaw 2026.9.6).
const listFile = "files"

// writeList writes the list of the files that were just installed in m.
func (m managed) writeList() error {
	var list strings.Builder
	err := m.files(func(name string, size int64) { fmt.Fprintf(&list, "%d %s\n", size, name) })
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(m.dir, listFile), []byte(list.String()))
}

// whole compares m with its list. Additional files do no harm.
func (m managed) whole() (files int, bytes int64, err error) {
	listed, err := os.Open(filepath.Join(m.dir, listFile))
	if err != nil {
		return 0, 0, failed(Damaged, "its list of files is missing")
	}
	defer listed.Close()
	sizes := map[string]int64{}
	if err := m.files(func(name string, size int64) { sizes[name] = size }); err != nil {
		return 0, 0, err
	}
	harmed, first := 0, ""
	lines := bufio.NewScanner(listed)
	for lines.Scan() {
		var size int64
		number, name, _ := strings.Cut(lines.Text(), " ")
		if _, err := fmt.Sscan(number, &size); err != nil || name == "" {
			return 0, 0, failed(Damaged, "its list of files is damaged")
		}
		files++
		bytes += size
		if is, there := sizes[name]; !there || is != size {
			if harmed++; first == "" {
				first = name
			}
		}
	}
	switch {
	case lines.Err() != nil:
		return 0, 0, lines.Err()
	case files == 0:
		return 0, 0, failed(Damaged, "its list of files is empty")
	case harmed > 0:
		return files, bytes, failed(Damaged, "%d of its %d files are missing or have changed, such as %s", harmed, files, first)
	}
	return files, bytes, nil
}

// files visits every regular file of m except the list and the leases. Names have forward
// slashes.
func (m managed) files(visit func(name string, size int64)) error {
	return filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path == filepath.Join(m.dir, leasesDir) {
			return fs.SkipDir
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(m.dir, path)
		if err == nil && name != listFile {
			visit(filepath.ToSlash(name), info.Size())
		}
		return err
	})
}

// versions returns the versions in the name of m's folder; empty for a folder that we did
// not name.
func (m managed) versions() (openclaw, node string) {
	parts := versionDir.FindStringSubmatch(filepath.Base(m.dir))
	if parts == nil {
		return "", ""
	}
	return parts[1], parts[2]
}

// Condition is the result of [Check].
type Condition struct {
	Runtime Runtime
	Files   int
	Bytes   int64
}

// Check returns the current managed runtime, and whether it is complete and runs. It
// changes nothing. The error is an *InstallError; its kind is NotInstalled when there is
// none.
func Check(ctx context.Context, o InstallOptions) (Condition, error) {
	i, err := newInstaller(o)
	if err != nil {
		return Condition{}, err
	}
	i.at("Checking the managed runtime")
	m, err := readManaged(o.DataDir, runtime.GOOS)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Condition{}, i.fail(failed(NotInstalled, "there is none in %s", i.root))
	case err != nil:
		return Condition{}, i.fail(kinded{Damaged, err})
	}
	c := Condition{}
	if c.Files, c.Bytes, err = m.whole(); err == nil {
		i.o.OpenClawVersion, i.o.NodeVersion = m.versions()
		c.Runtime, err = i.check(ctx, m)
	}
	return c, i.fail(err)
}
