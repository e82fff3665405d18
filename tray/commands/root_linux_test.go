package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clawtray/packaging/needs"
)

// somebody is the user id of another user.
const somebody = 65534

// TestXS11_RootWithAUsersHome: `sudo clawtray` where sudo keeps HOME. Files of root in that
// home would make clawtray unusable for the user.
func TestXS11_RootWithAUsersHome(t *testing.T) {
	needs.Root(t)
	u := newUser(t, "")
	if err := os.Chown(u.home, somebody, somebody); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"--headless", "status", "install --check", "autostart on", "doctor", "config"} {
		out, code := u.cli(strings.Fields(args)...)
		if code != 1 || !strings.Contains(out, "you are root, but HOME is "+u.home+", which belongs to nobody") || !strings.Contains(out, "run clawtray as nobody, without sudo") {
			t.Errorf("%s: exit %d, %s", args, code, out)
		}
	}
	if _, err := os.Stat(filepath.Join(u.home, ".local")); !os.IsNotExist(err) {
		t.Errorf("files were made: %v", err)
	}
	if out, code := u.cli("version"); code != 0 {
		t.Errorf("version: exit %d, %s", code, out)
	}
}

// TestXS4_AStrangersFolders: another user who owns clawtray's folders could decide what
// clawtray runs.
func TestXS4_AStrangersFolders(t *testing.T) {
	needs.Root(t)
	for _, variable := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"} {
		u := newUser(t, "")
		theirs := filepath.Join(u.home, "theirs")
		if err := os.Mkdir(theirs, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(theirs, somebody, somebody); err != nil {
			t.Fatal(err)
		}
		u.env = append(u.env, variable+"="+theirs)
		if out, code := u.cli("--headless"); code != 1 || !strings.Contains(out, theirs+" belongs to nobody") || !strings.Contains(out, variable) {
			t.Errorf("%s: exit %d, %s", variable, code, out)
		}
	}
}
