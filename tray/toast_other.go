//go:build !linux

package tray

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"clawtray/assets"

	"github.com/gen2brain/beeep"
)

// iconPath is a file with our icon: Windows remembers the path at the first
// notification, so it has to be the same each time.
var iconPath = sync.OnceValue(func() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	path := filepath.Join(dir, appName, "icon.png")
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil || os.WriteFile(path, assets.App.PNG(), 0o600) != nil {
		return ""
	}
	return path
})

// sendToast has no deadline of its own: the caller stops waiting. Title and
// body went through plain, because one of beeep's ways on Windows is a script.
func sendToast(_ context.Context, t Toast) error {
	beeep.AppName = appName
	return beeep.Notify(plain(t.Title), plain(t.Body), iconPath())
}
