package tray

import (
	"github.com/atotto/clipboard"
	"golang.org/x/sys/windows"
)

func openWithSystem(target string) error {
	verb, err := windows.UTF16PtrFromString("open")
	if err != nil {
		return err
	}
	file, err := windows.UTF16PtrFromString(target)
	if err != nil {
		return err
	}
	return windows.ShellExecute(0, verb, file, nil, nil, windows.SW_SHOWNORMAL)
}

func copyToClipboard(text string) error { return clipboard.WriteAll(text) }
