//go:build cgo

package tray

import (
	"context"

	"clawtray/assets"

	"fyne.io/systray"
)

// macOS menus have no mnemonics.
const mnemonic = ""

func waitForTaskbar(context.Context) bool { return true }

// setIcon gives the menu bar a template, which it colours to suit its background.
func setIcon(i assets.Icon) { systray.SetTemplateIcon(i.Template(), i.PNG()) }

func systemLanguage() string { return localeFromEnv() }
