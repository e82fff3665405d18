// Command gen renders the SVG icons to the PNG and ICO files that package assets embeds.
// Run it in the repository's root after a change of an SVG file:
//
//	go run ./assets/gen
//
// With -theme FOLDER it writes only the program's icon, in each size of an icon theme, into
// the folders of share/icons/hicolor.
package main

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/sergeymakinen/go-ico"
	"github.com/srwiley/oksvg"
	"github.com/srwiley/rasterx"
)

const (
	traySize     = 48  // pixels; panels show 16 to 48, and each change sends one size over D-Bus
	templateSize = 44  // pixels, which are 22 points on a retina display
	appSize      = 256 // pixels, the largest size that desktop files and Windows ask for
)

// The sizes in pixels for Windows: for 100 % to 200 % scaling, and a large one for
// Explorer.
var (
	trayICO = []int{16, 20, 24, 32, 48}
	appICO  = []int{16, 20, 24, 32, 48, 256}
)

// theme has the folders of an icon theme with their sizes in pixels. @2 is for screens with
// twice the resolution; macOS needs that size, too.
var theme = map[string]int{"16x16": 16, "22x22": 22, "24x24": 24, "32x32": 32, "48x48": 48, "64x64": 64,
	"128x128": 128, "256x256": 256, "512x512": 512, "512x512@2": 1024}

func main() {
	log.SetFlags(0)
	dir := flag.String("icons", filepath.Join("assets", "icons"), "folder of the SVG files, and of the files made from them")
	hicolor := flag.String("theme", "", "write the sizes of the program's icon below this folder, and nothing else")
	flag.Parse()
	if *hicolor != "" {
		writeTheme(filepath.Join(*dir, "app.svg"), *hicolor)
		return
	}
	for name, data := range renderAll(*dir) {
		if err := os.WriteFile(filepath.Join(*dir, name), data, 0o644); err != nil { // #nosec G306 -- files of the repository
			log.Fatal(err)
		}
	}
}

// renderAll returns every file made from the SVG files in dir, by its name.
func renderAll(dir string) map[string][]byte {
	sources, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil || len(sources) == 0 {
		log.Fatalf("no SVG files in %s: %v", dir, err)
	}
	files := map[string][]byte{}
	for _, src := range sources {
		svg, err := os.ReadFile(src)
		if err != nil {
			log.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(src), ".svg")
		for suffix, data := range render(name == "app", svg) {
			files[name+suffix] = data
		}
	}
	return files
}

// writeTheme writes one icon in each size of a theme.
func writeTheme(source, hicolor string) {
	svg, err := os.ReadFile(source)
	if err != nil {
		log.Fatal(err)
	}
	for folder, size := range theme {
		apps := filepath.Join(hicolor, folder, "apps")
		if err := os.MkdirAll(apps, 0o755); err != nil { // #nosec G301 -- folders of a package
			log.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(apps, "clawtray.png"), encode(draw(svg, size)), 0o644); err != nil { // #nosec G306 -- a file of a package
			log.Fatal(err)
		}
	}
}

// render returns every file made from one SVG, by the ending of its name.
func render(app bool, svg []byte) map[string][]byte {
	if app {
		return map[string][]byte{".png": encode(draw(svg, appSize)), ".ico": bundle(svg, appICO)}
	}
	return map[string][]byte{
		".png":          encode(draw(svg, traySize)),
		".ico":          bundle(svg, trayICO),
		"-template.png": encode(template(draw(bytes.ReplaceAll(svg, []byte(darkGlyph), []byte("#ffffff")), templateSize))),
	}
}

func draw(svg []byte, size int) *image.NRGBA {
	icon, err := oksvg.ReadIconStream(bytes.NewReader(svg), oksvg.StrictErrorMode)
	if err != nil {
		log.Fatal(err)
	}
	icon.SetTarget(0, 0, float64(size), float64(size))
	im := image.NewRGBA(image.Rect(0, 0, size, size))
	scanner := rasterx.NewScannerGV(size, size, im, im.Bounds())
	icon.Draw(rasterx.NewDasher(size, size, scanner), 1)
	straight := image.NewNRGBA(im.Bounds())
	for y := range size {
		for x := range size {
			straight.Set(x, y, im.At(x, y))
		}
	}
	return straight
}

// darkGlyph is the colour of a sign on a light background. In a template the sign has to
// become a hole like the white ones, because otherwise nobody could see it.
const darkGlyph = "#2b2100"

// template returns a picture in one colour: coloured parts stay and white parts become
// transparent. So the outlines and signs become holes and the shape stays visible.
func template(im *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(im.Bounds())
	for y := range im.Bounds().Dy() {
		for x := range im.Bounds().Dx() {
			c := im.NRGBAAt(x, y)
			white := min(c.R, c.G, c.B)
			out.SetNRGBA(x, y, color.NRGBA{A: uint8(int(c.A) * int(255-white) / 255)})
		}
	}
	return out
}

func encode(im image.Image) []byte {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&b, im); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}

func bundle(svg []byte, sizes []int) []byte {
	var images []image.Image
	for _, size := range sizes {
		images = append(images, draw(svg, size))
	}
	var b bytes.Buffer
	if err := ico.EncodeAll(&b, images); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}
