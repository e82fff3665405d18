// Command gen renders the SVG icons to the PNG and ICO files that package
// assets embeds. Run it in the repository's root after changing an SVG file:
//
//	go run ./assets/gen
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
	traySize     = 48  // pixels: panels show 16 to 48; a single size goes over D-Bus at each change
	templateSize = 44  // pixels: 22 points on a retina display
	appSize      = 256 // pixels: the largest that desktop files and Windows ask for
)

// The sizes in pixels that Windows asks for: 100 % to 200 % scaling, and the
// large one for Explorer.
var (
	trayICO = []int{16, 20, 24, 32, 48}
	appICO  = []int{16, 20, 24, 32, 48, 256}
)

func main() {
	log.SetFlags(0)
	dir := flag.String("icons", filepath.Join("assets", "icons"), "folder of the SVG files")
	out := flag.String("out", "", "folder to write to (default: the same)")
	flag.Parse()
	if *out == "" {
		*out = *dir
	}
	sources, err := filepath.Glob(filepath.Join(*dir, "*.svg"))
	if err != nil || len(sources) == 0 {
		log.Fatalf("no SVG files in %s: %v", *dir, err)
	}
	for _, src := range sources {
		svg, err := os.ReadFile(src)
		if err != nil {
			log.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(src), ".svg")
		for suffix, data := range render(name == "app", svg) {
			if err := os.WriteFile(filepath.Join(*out, name+suffix), data, 0o644); err != nil {
				log.Fatal(err)
			}
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

// template keeps what is coloured and drops what is white: the outlines and
// the glyphs become holes, so the shape is still told in one colour.
// darkGlyph is the colour of a sign on a light ground. In a template it has to
// become a hole like the white ones, or it would drown in the ground.
const darkGlyph = "#2b2100"

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
