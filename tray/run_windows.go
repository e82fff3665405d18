package tray

import (
	"context"
	"time"
	"unsafe"

	"clawtray/assets"

	"fyne.io/systray"
	"golang.org/x/sys/windows"
)

// Windows menus take an ampersand for the mark of a mnemonic.
const mnemonic = "&"

// taskbarPoll is how often to look for the taskbar at login.
const taskbarPoll = time.Second

var (
	user32     = windows.NewLazySystemDLL("user32.dll")
	kernel32   = windows.NewLazySystemDLL("kernel32.dll")
	findWindow = user32.NewProc("FindWindowW")
	localeName = kernel32.NewProc("GetUserDefaultLocaleName")
)

// waitForTaskbar returns when there is a place for the icon, or false when ctx
// ends. Started too early at login, systray would never show one.
func waitForTaskbar(ctx context.Context) bool {
	class, err := windows.UTF16PtrFromString("Shell_TrayWnd")
	if err != nil {
		return false
	}
	tick := time.NewTicker(taskbarPoll)
	defer tick.Stop()
	for {
		if window, _, _ := findWindow.Call(uintptr(unsafe.Pointer(class)), 0); window != 0 {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

func setIcon(i assets.Icon) { systray.SetIcon(i.ICO()) }

// systemLanguage is the language of the user's Windows, like "zh-CN".
func systemLanguage() string {
	var name [85]uint16 // LOCALE_NAME_MAX_LENGTH
	if n, _, _ := localeName.Call(uintptr(unsafe.Pointer(&name[0])), uintptr(len(name))); n == 0 {
		return localeFromEnv()
	}
	return windows.UTF16ToString(name[:])
}
