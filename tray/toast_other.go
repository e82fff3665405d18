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

// iconPath returns the path of a file with our icon. It is the same each time, because
// Windows remembers the path of the first notification.
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

// beeepToasts shows notifications that cannot be changed later.
type beeepToasts struct{}

func newToastServer() toastServer { return beeepToasts{} }

func (beeepToasts) show(ctx context.Context, t Toast, _ uint32) (uint32, error) {
	return 0, sendToast(ctx, t)
}
func (beeepToasts) remove(context.Context, uint32) error { return nil }
func (beeepToasts) changed(context.Context) bool         { return false }
func (beeepToasts) events() <-chan toastEvent            { return nil }
func (beeepToasts) watch(context.Context, func(bool))    {}
func (beeepToasts) release()                             {}
func (beeepToasts) name() string                         { return "" }

func (beeepToasts) removeLeft(context.Context, string, uint32) error { return nil }

// sendToast has no deadline of its own; the caller stops waiting. It makes title and body
// plain, because one of beeep's ways on Windows is a script.
func sendToast(_ context.Context, t Toast) error {
	beeep.AppName = appName
	return beeep.Notify(plain(t.Title), plain(t.Body), iconPath())
}
