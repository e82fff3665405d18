package tray

import (
	"context"
	"time"
	"unsafe"

	"clawtray/assets"

	"fyne.io/systray"
	"golang.org/x/sys/windows"
)

// mnemonic marks the next letter as a keyboard shortcut in Windows menus.
const mnemonic = "&"

// taskbarPoll is the time between two looks for the taskbar at login.
const taskbarPoll = time.Second

var (
	user32     = windows.NewLazySystemDLL("user32.dll")
	findWindow = user32.NewProc("FindWindowW")
)

// waitForTaskbar returns true when the taskbar exists, and false when ctx ends. If systray
// starts before the taskbar at login, it never shows an icon.
func waitForTaskbar(ctx context.Context) bool {
	class, err := windows.UTF16PtrFromString("Shell_TrayWnd")
	if err != nil {
		return false
	}
	tick := time.NewTicker(taskbarPoll)
	defer tick.Stop()
	for {
		if window, _, _ := findWindow.Call(uintptr(unsafe.Pointer(class)), 0); window != 0 { // #nosec G103 -- the system reads the name
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// setTitle does nothing, because on Windows screen readers read the tooltip.
func setTitle(string) {}

func setIcon(i assets.Icon) { systray.SetIcon(i.ICO()) }
