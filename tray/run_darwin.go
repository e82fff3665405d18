//go:build cgo

package tray

import (
	"context"

	"clawtray/assets"

	"fyne.io/systray"
)

// mnemonic is empty, because macOS menus have no mnemonics.
const mnemonic = ""

func waitForTaskbar(context.Context) bool { return true }

// setTitle does nothing, because macOS would show the title in the menu bar.
func setTitle(string) {}

// setIcon gives the menu bar a template image, which macOS colours to suit the background.
func setIcon(i assets.Icon) { systray.SetTemplateIcon(i.Template(), i.PNG()) }
