//go:build unix

package settings

import (
	"os"
	"path/filepath"
	"testing"
)

// TestK2_ATokenIsOnlyForItsUser: a settings file with a token that others can
// read is a mistake, and clawtray makes it private.
func TestK2_ATokenIsOnlyForItsUser(t *testing.T) {
	path := write(t, "token = \"canary-canary\"\n")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	f := Read(path)
	if len(f.Mistakes) != 1 || f.Mistakes[0].Key != "token" || f.Mistakes[0].Line != 1 || f.Token == "" {
		t.Fatalf("got %v, token %t", f.Mistakes, f.Token != "")
	}
	done, err := f.Protect()
	if info, _ := os.Stat(path); !done || err != nil || info.Mode().Perm() != 0o600 || len(f.Mistakes) > 0 {
		t.Errorf("done %t, %v, mode %v, %v", done, err, info.Mode(), f.Mistakes)
	}
	if done, err := f.Protect(); done || err != nil {
		t.Errorf("again: %t, %v", done, err)
	}
	open := write(t, "port = 7\n")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	if f := Read(open); len(f.Mistakes) > 0 {
		t.Errorf("without a token: %v", f.Mistakes)
	}
}

// TestSetKeepsALink: people keep their settings elsewhere and link to them.
func TestSetKeepsALink(t *testing.T) {
	real := write(t, "# mine\n")
	link := filepath.Join(t.TempDir(), "clawtray.toml")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := Set(link, "notifications", "none"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if data, _ := os.ReadFile(real); err != nil || info.Mode()&os.ModeSymlink == 0 || string(data) != "notifications = 'none'\n# mine\n" {
		t.Errorf("%v, %v, %q", info, err, data)
	}
}
