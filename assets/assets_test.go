package assets

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

func TestL1_EveryIconIsThere(t *testing.T) {
	for _, i := range Icons() {
		for _, data := range [][]byte{i.PNG(), i.Template()} {
			if _, err := png.Decode(bytes.NewReader(data)); err != nil {
				t.Errorf("%s: %v", i, err)
			}
		}
		// Type 1 (icon), one entry per size.
		if ico := ico(t, i); !bytes.HasPrefix(ico, []byte{0, 0, 1, 0, 5, 0}) {
			t.Errorf("%s: bad ICO", i)
		}
	}
	if c, err := png.DecodeConfig(bytes.NewReader(App.PNG())); err != nil || c.Width != 256 {
		t.Errorf("app icon: %v, %d pixels", err, c.Width)
	}
	if ico := ico(t, App); len(ico) < 6 || ico[4] != 6 {
		t.Error("app icon: bad ICO")
	}
}

// ico returns the icon for Windows; only the Windows program contains it.
func ico(t *testing.T, i Icon) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("icons", string(i)+".ico"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// XD8: each state has a shape of its own, which can be told without colours.
func TestXD8_ShapesDiffer(t *testing.T) {
	masks := map[Icon][]bool{}
	for _, i := range Icons() {
		im, err := png.Decode(bytes.NewReader(i.Template()))
		if err != nil {
			t.Fatal(err)
		}
		for y := range im.Bounds().Dy() {
			for x := range im.Bounds().Dx() {
				_, _, _, alpha := im.At(x, y).RGBA()
				masks[i] = append(masks[i], alpha > 0x7fff)
			}
		}
	}
	for _, a := range Icons() {
		for _, b := range Icons() {
			differ := 0
			for n, ink := range masks[a] {
				if ink != masks[b][n] {
					differ++
				}
			}
			if percent := 100 * differ / len(masks[a]); a != b && percent < 10 {
				t.Errorf("%s and %s differ in %d %% of their pixels", a, b, percent)
			}
		}
	}
}
