package openclaw

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// XT13: a package that is too large when unpacked is rejected before it fills the disk.
func TestXT13_UnpackingIsBounded(t *testing.T) {
	small, large := entry{name: "package/a", content: "12345"}, entry{name: "package/b", content: strings.Repeat("x", 100)}
	for name, c := range map[string]struct {
		entries []entry
		most    bounds
		refused bool
	}{
		"at the limit":         {[]entry{small, large}, bounds{105, 2}, false},
		"one byte too many":    {[]entry{small, large}, bounds{104, 2}, true},
		"one file too many":    {[]entry{small, large}, bounds{105, 1}, true},
		"folders count":        {[]entry{{name: "package/d/", kind: '5'}, small}, bounds{105, 1}, true},
		"one large file alone": {[]entry{large}, bounds{99, 9}, true},
	} {
		dir := t.TempDir()
		tarball, into := filepath.Join(dir, "x.tgz"), filepath.Join(dir, "into")
		if err := os.WriteFile(tarball, pack(t, c.entries...), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(into, 0o700); err != nil {
			t.Fatal(err)
		}
		err := untar(tarball, into, c.most)
		if refused := err != nil && kindOf(err) == BadArchive && strings.Contains(err.Error(), "larger than it should be"); refused != c.refused || !refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.refused && exists(filepath.Join(into, "b")) {
			t.Errorf("%s: the file was written", name)
		}
	}
	// The real limits are smaller than a disk and larger than our packages.
	if packageBounds.bytes < 1<<30 || packageBounds.bytes > 4<<30 || packageBounds.entries < 10_000 || packageBounds.entries > 1_000_000 {
		t.Errorf("%+v", packageBounds)
	}
}
