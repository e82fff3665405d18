// Package assets contains the pictures of clawtray, embedded in the binary.
//
// The sources are the SVG files in icons/. `go run ./assets/gen` renders the PNG and ICO
// files beside them. A test renders them again and fails when they differ.
package assets

import (
	"embed"
	"fmt"
)

//go:embed icons/*.png
var files embed.FS

// Icon is a picture of the tray. The icons differ in shape and not only in colour, so that
// people who do not see colours can distinguish them.
type Icon string

// The icons of the tray.
const (
	Running      Icon = "running"      // green disc with an open claw, as in App
	Starting     Icon = "starting"     // blue ring with three dots
	Reconnecting Icon = "reconnecting" // two orange arrows in a circle
	Degraded     Icon = "degraded"     // yellow triangle with an exclamation mark
	Error        Icon = "error"        // red octagon with a cross
	Stopped      Icon = "stopped"      // grey square with a stop sign
)

// App is the program's own icon, for packages, notifications and windows.
const App Icon = "app"

// Icons lists the icons of the tray.
func Icons() []Icon {
	return []Icon{Running, Starting, Reconnecting, Degraded, Error, Stopped}
}

// PNG returns the icon in colour: 48x48 pixels (256x256 for [App]), alpha not
// premultiplied.
func (i Icon) PNG() []byte { return i.file(".png") }

// Template returns the icon in black and transparent, 44x44 pixels, for the menu bar of
// macOS, which colours it to suit the background.
func (i Icon) Template() []byte { return i.file("-template.png") }

func (i Icon) file(suffix string) []byte { return read(files, i, suffix) }

func read(from embed.FS, i Icon, suffix string) []byte {
	b, err := from.ReadFile("icons/" + string(i) + suffix)
	if err != nil {
		panic(fmt.Sprintf("assets: icon %q is not embedded: %v", i, err))
	}
	return b
}
