// Package assets holds the pictures of clawtray, embedded in the binary.
//
// The sources are the SVG files in icons/. The PNG and ICO files beside them
// are rendered by `go run ./assets/gen`; a test renders them again and fails
// when they differ, so nobody has to remember to do it.
package assets

import (
	"embed"
	"fmt"
)

//go:embed icons/*.png
var files embed.FS

// Icon names one picture of the tray. The icons differ in outline as well as
// in colour, so that they can be told apart without seeing colours.
type Icon string

// The icons of the tray.
const (
	Running      Icon = "running"      // green disc, claw
	Starting     Icon = "starting"     // blue ring, three dots
	Reconnecting Icon = "reconnecting" // two orange arrows in a circle
	Degraded     Icon = "degraded"     // yellow triangle, exclamation mark
	Error        Icon = "error"        // red octagon, cross
	Stopped      Icon = "stopped"      // grey square, stop sign
)

// App is the program's own icon, for packages, notifications and windows.
const App Icon = "app"

// Icons lists the icons of the tray.
func Icons() []Icon {
	return []Icon{Running, Starting, Reconnecting, Degraded, Error, Stopped}
}

// PNG is the icon in colour: 48x48 pixels (256x256 for [App]), straight alpha.
func (i Icon) PNG() []byte { return i.file(".png") }

// Template is the icon in black and transparent, 44x44 pixels, for the macOS
// menu bar, which colours it to suit its background.
func (i Icon) Template() []byte { return i.file("-template.png") }

func (i Icon) file(suffix string) []byte { return read(files, i, suffix) }

func read(from embed.FS, i Icon, suffix string) []byte {
	b, err := from.ReadFile("icons/" + string(i) + suffix)
	if err != nil {
		panic(fmt.Sprintf("assets: icon %q is not embedded: %v", i, err))
	}
	return b
}
