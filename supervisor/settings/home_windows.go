package settings

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/adrg/xdg"
)

// CheckHome fails when the folders of clawtray would be in a wrong place.
func CheckHome() error {
	if !filepath.IsAbs(xdg.StateHome) {
		return errors.New("LOCALAPPDATA is not set, so clawtray does not know where your files are")
	}
	return nil
}

// strange returns "", because on Windows other users cannot write a user's files.
func strange(fs.FileInfo) string { return "" }
