// Command archive packs a folder for a release. The same files give the same bytes on every
// system:
//
//	archive OUT.tar.gz|OUT.zip DIR
//
// Names are sorted and begin with DIR's last element. Owners are left out, and every time
// is SOURCE_DATE_EPOCH (seconds since 1970, UTC; 0 when it is not set). Permissions are
// 0755 for files that their owner can execute, and 0644 for others.
package main

import (
	"archive/tar"
	"archive/zip"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: archive OUT.tar.gz|OUT.zip DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "archive:", err)
		os.Exit(1)
	}
}

// run writes the archive of the folder dir.
func run(out, dir string) error {
	epoch, err := strconv.ParseInt(cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), "0"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	modified := time.Unix(epoch, 0).UTC()
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	switch {
	case strings.HasSuffix(out, ".tar.gz"):
		err = writeTar(f, dir, modified)
	case strings.HasSuffix(out, ".zip"):
		err = writeZip(f, dir, modified)
	default:
		err = fmt.Errorf("%s is neither a .tar.gz nor a .zip", out)
	}
	if err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// writeTar writes dir as a compressed tar archive.
func writeTar(w io.Writer, dir string, modified time.Time) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	err := each(dir, func(name string, info fs.FileInfo) (io.Writer, error) {
		return t, t.WriteHeader(&tar.Header{Name: name, Size: info.Size(), Mode: int64(mode(info)), ModTime: modified})
	})
	if err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

// writeZip writes dir as a zip archive.
func writeZip(w io.Writer, dir string, modified time.Time) error {
	z := zip.NewWriter(w)
	err := each(dir, func(name string, info fs.FileInfo) (io.Writer, error) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: modified}
		h.SetMode(mode(info))
		return z.CreateHeader(h)
	})
	if err != nil {
		return err
	}
	return z.Close()
}

// each copies every file below dir, sorted by name, to the writer that begin returns for
// it.
func each(dir string, begin func(name string, info fs.FileInfo) (io.Writer, error)) error {
	root := os.DirFS(dir)
	return fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		w, err := begin(path.Join(filepath.Base(dir), name), info)
		if err != nil {
			return err
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
}

// mode returns a file's permissions in the archive.
func mode(info fs.FileInfo) fs.FileMode {
	if info.Mode()&0o100 != 0 {
		return 0o755
	}
	return 0o644
}
