package openclaw

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// bounds limits the contents of one package.
type bounds struct {
	bytes   int64
	entries int // number of tar entries: files, folders and metadata
}

// packageBounds are larger than today's packages; Node's has 190 MB and 2,700 files.
var packageBounds = bounds{2 << 30, 200_000}

// untar unpacks an npm package's tarball into dir, which must exist. It removes the top
// folder, in which every npm tarball has its files. It creates only files and folders
// inside dir; a name outside dir, a link or a device makes it reject the whole package.
func untar(tarball, dir string, most bounds) error {
	f, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := os.OpenRoot(dir) // additional protection: nothing outside dir can be opened through root
	if err != nil {
		return err
	}
	defer root.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		return failed(BadArchive, "the package is not compressed as npm does: %w", err)
	}
	archive, room := tar.NewReader(zipped), most.bytes
	for entries := 0; ; entries++ {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return failed(BadArchive, "the package is damaged: %w", err)
		}
		if room -= header.Size; room < 0 || entries >= most.entries {
			return failed(BadArchive, "the package is larger than it should be")
		}
		if err := unpack(root, archive, header); err != nil {
			return err
		}
	}
}

// unpack writes one entry below root.
func unpack(root *os.Root, content io.Reader, header *tar.Header) error {
	_, name, _ := strings.Cut(path.Clean(header.Name), "/")
	switch header.Typeflag {
	case tar.TypeXGlobalHeader:
		return nil
	case tar.TypeReg, tar.TypeDir:
	default:
		return failed(BadArchive, "the package holds %q, which is neither a file nor a folder", cut(header.Name, 80))
	}
	if strings.Contains(header.Name, `\`) || !filepath.IsLocal(filepath.FromSlash(header.Name)) || strings.Contains("/"+header.Name+"/", "/../") {
		return failed(BadArchive, "the package holds %q, which leads out of its folder", cut(header.Name, 80))
	}
	if name == "" { // the top folder itself
		return nil
	}
	name = filepath.FromSlash(name)
	if header.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}
	if parent := filepath.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	mode := fs.FileMode(0o644)
	if header.Mode&0o100 != 0 {
		mode = 0o755
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, reading{content})
	return errors.Join(err, f.Close())
}

// reading marks errors of the archive, to distinguish them from errors of our disk.
type reading struct{ r io.Reader }

func (r reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = failed(BadArchive, "the package is damaged: %w", err)
	}
	return n, err
}
