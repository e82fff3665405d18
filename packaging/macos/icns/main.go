// Command icns makes the icon file of a macOS application from a picture:
//
//	icns IN.png OUT.icns
package main

import (
	"fmt"
	"image/png"
	"os"

	"github.com/jackmordaunt/icns/v3"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: icns IN.png OUT.icns")
		os.Exit(2)
	}
	if err := convert(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "icns:", err)
		os.Exit(1)
	}
}

func convert(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	picture, err := png.Decode(in)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if err := icns.Encode(out, picture); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
