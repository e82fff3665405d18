//go:build unix

package settings

import (
	"os"
	"path/filepath"
	"strings"
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

// TestSetKeepsALink: people have their settings file elsewhere and link to it.
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

// TestXS2_SettingsOfAStranger: the settings decide which program runs as us.
// XDG_CONFIG_HOME may name a folder in which another user has already written a file.
func TestXS2_SettingsOfAStranger(t *testing.T) {
	const text = "node = \"/tmp/evil\"\n"
	open := write(t, text)
	if err := os.Chmod(open, 0o666); err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{open: "every user can change it", t.TempDir(): "not a file"}
	if os.Geteuid() == 0 {
		theirs := write(t, text)
		if err := os.Chown(theirs, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		paths[theirs] = "belongs to "
	}
	for path, why := range paths {
		f := Read(path)
		if f.Node != "" || len(f.Mistakes) != 1 || !strings.Contains(f.Mistakes[0].Reason, why) {
			t.Errorf("Node %q, %v, want %q", f.Node, f.Mistakes, why)
		}
		if err := Set(path, "port", 7); err == nil {
			t.Errorf("%s was taken over", path)
		}
	}
}
