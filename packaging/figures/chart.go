package figures

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// The chart's measures, in pixels.
const (
	barHeight = 22
	nameWidth = 330
	barsWidth = 330
	textWidth = 200
)

// Chart writes an SVG picture of the rows that have a peer: a bar for each is ours
// divided by the peer's figure, on a logarithmic scale, because the ratios reach from a
// hundredth to four. A line marks where both are the same, and a tick the goal.
func Chart(w io.Writer, rows []Row) error {
	var shown []Row
	for _, r := range rows {
		if r.ByPeer() > 0 {
			shown = append(shown, r)
		}
	}
	height := barHeight * (len(shown) + 2)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", nameWidth+barsWidth+textWidth, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="%d" y="16" fill="#555">less than the peer</text><text x="%d" y="16" fill="#555" text-anchor="end">more</text>`+"\n", nameWidth, nameWidth+barsWidth)
	one := at(1)
	for i, r := range shown {
		y := barHeight * (i + 1)
		end, colour := at(r.ByPeer()), "#2a78c2"
		if met, has := r.Met(); has && !met {
			colour = "#c9302c"
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, nameWidth-8, y+15, html.EscapeString(r.Name))
		fmt.Fprintf(&b, `<rect x="%.0f" y="%d" width="%.0f" height="%d" fill="%s"/>`, math.Min(one, end), y+4, math.Max(math.Abs(end-one), 1), barHeight-8, colour)
		if r.Goal > 0 {
			fmt.Fprintf(&b, `<path d="M%.0f %dv%d" stroke="#222" stroke-width="2"/>`, at(r.Goal), y+2, barHeight-4)
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#555">%.2f of %s</text>`+"\n", nameWidth+barsWidth+8, y+15, r.ByPeer(), html.EscapeString(r.Peer))
	}
	fmt.Fprintf(&b, `<path d="M%.0f %dV%d" stroke="#555"/><text x="%.0f" y="%d" text-anchor="middle" fill="#555">the same</text>`+"\n</svg>\n", one, barHeight, height-barHeight, one, height-6)
	_, err := io.WriteString(w, b.String())
	return err
}

// at is where a ratio stands, from a hundredth at the left to ten at the right.
func at(ratio float64) float64 {
	const least, most = -2, 1 // powers of ten
	x := math.Min(math.Max(math.Log10(ratio), least), most)
	return nameWidth + barsWidth*(x-least)/(most-least)
}
