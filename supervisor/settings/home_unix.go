//go:build unix

package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/adrg/xdg"

	"clawtray/supervisor/peer"
)

// unnamed is the text before the number of a user who has no name.
const unnamed = "the user with the id "

// CheckHome fails when clawtray's folders would be in a wrong place. For a user without a
// home, that is the root of the file system. It is also the home of somebody else: that
// user could not use the files that we create there, or we would trust files of that user.
func CheckHome() error {
	home := os.Getenv("HOME")
	switch {
	case home == "":
		return errors.New("HOME is not set, so clawtray does not know where your files are; set it to your home folder")
	case !filepath.IsAbs(home) || filepath.Clean(home) == "/":
		return fmt.Errorf("HOME is %q, which is nobody's home; set it to your home folder", home)
	}
	info, err := os.Stat(home)
	if err != nil {
		return fmt.Errorf("your home folder (HOME) cannot be used: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("HOME is %q, which is not a folder", home)
	}
	if owner := owner(info); os.Geteuid() == 0 && owner != 0 {
		name := peer.UserName(owner, unnamed)
		return fmt.Errorf("you are root, but HOME is %s, which belongs to %s, who could not use the files that root makes there; run clawtray as %s, without sudo", home, name, name)
	}
	return checkBases()
}

// checkBases checks the folders that the environment names.
func checkBases() error {
	for _, base := range []struct{ variable, path string }{
		{"XDG_CONFIG_HOME", xdg.ConfigHome}, {"XDG_STATE_HOME", xdg.StateHome}, {"XDG_DATA_HOME", xdg.DataHome}, {"XDG_CACHE_HOME", xdg.CacheHome},
	} {
		info, err := os.Stat(base.path)
		if err != nil { // the folder does not exist yet, or the code that uses it reports the error
			continue
		}
		if owner := owner(info); owner != os.Geteuid() && owner != 0 {
			return fmt.Errorf("%s belongs to %s, so clawtray does not use it; HOME and %s have to name folders of your own", base.path, peer.UserName(owner, unnamed), base.variable)
		}
	}
	return nil
}

// strange says why we do not trust a file, because another user could have written it;
// empty when no other user could.
func strange(info fs.FileInfo) string {
	switch owner := owner(info); {
	case owner != os.Geteuid() && owner != 0:
		return "it belongs to " + peer.UserName(owner, unnamed) + ", so clawtray does not use it"
	case info.Mode().Perm()&0o002 != 0:
		return "every user can change it, so clawtray does not use it; run chmod 600 on it"
	}
	return ""
}

func owner(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return os.Geteuid() // this system does not tell the owner
}
