// Package figures is what the benchmarks of this project print: rows with our figure,
// a peer's, and the goal. The benchmarks run as programs of their own and print their
// rows as lines of JSON; `make bench` collects them into one table and one chart.
package figures

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Row is one measured figure.
type Row struct {
	Part string  `json:"part"` // the heading that it stands under
	Name string  `json:"name"`
	Unit string  `json:"unit"` // of both figures; empty for a count
	Ours float64 `json:"ours"`
	Peer string  `json:"peer,omitempty"` // whose figure stands beside ours; empty: nobody's
	Its  float64 `json:"its,omitempty"`
	// Ratio is ours by the peer's, measured in pairs; 0: Ours / Its.
	Ratio float64 `json:"ratio,omitempty"`
	// Goal bounds the ratio where there is a peer, and Ours where there is none. 0: no goal.
	Goal float64 `json:"goal,omitempty"`
	More bool    `json:"more,omitempty"` // more is better, so Goal is a minimum
}

// ByPeer returns ours divided by the peer's figure, or 0 without a peer.
func (r Row) ByPeer() float64 {
	if r.Ratio != 0 || r.Its == 0 {
		return r.Ratio
	}
	return r.Ours / r.Its
}

// Met reports whether the row has a goal and reaches it.
func (r Row) Met() (met, hasGoal bool) {
	v := r.Ours
	if r.Peer != "" {
		v = r.ByPeer()
	}
	if r.More {
		return v >= r.Goal, r.Goal != 0
	}
	return v <= r.Goal, r.Goal != 0
}

// goal is the goal in words, with what came of it.
func (r Row) goal() string {
	met, has := r.Met()
	if !has {
		return ""
	}
	sign := "≤"
	if r.More {
		sign = "≥"
	}
	unit := ""
	if r.Peer == "" && r.Unit != "" {
		unit = " " + r.Unit
	}
	return fmt.Sprintf("%s %g%s %s", sign, r.Goal, unit, map[bool]string{true: "met", false: "MISSED"}[met])
}

// cells are the row as text: name, ours, peer's, ratio, goal.
func (r Row) cells() []string {
	cells := []string{r.Name, number(r.Ours, r.Unit), "", "", r.goal()}
	if r.Peer != "" {
		cells[2] = r.Peer + ": " + number(r.Its, r.Unit)
		if v := r.ByPeer(); v > 0 {
			cells[3] = fmt.Sprintf("%.2f", v)
		}
	}
	return cells
}

func number(v float64, unit string) string {
	digits := 3
	switch {
	case v >= 1000 || v == float64(int64(v)):
		digits = 0
	case v >= 100:
		digits = 1
	case v >= 1:
		digits = 2
	}
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits, v, unit))
}

// Grouped puts the rows of each part together, in the order in which the parts begin.
func Grouped(rows []Row) []Row {
	first := map[string]int{}
	for i, r := range rows {
		if _, known := first[r.Part]; !known {
			first[r.Part] = i
		}
	}
	return slices.SortedStableFunc(slices.Values(rows), func(a, b Row) int { return first[a.Part] - first[b.Part] })
}

// Print writes rows as lines of JSON for [Read].
func Print(w io.Writer, rows ...Row) error {
	for _, r := range rows {
		if err := json.NewEncoder(w).Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// Read reads what [Print] has written. It skips lines that are not JSON objects.
func Read(r io.Reader) (rows []Row, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "{") {
			continue
		}
		var row Row
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, lines.Err()
}

var headings = []string{"", "clawtray", "peer", "ratio", "goal"}

// Table writes rows for a terminal, one block for each part.
func Table(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, r := range rows {
		if i == 0 || r.Part != rows[i-1].Part {
			fmt.Fprintf(t, "\n%s\t%s\t\n", r.Part, strings.Join(headings[1:], "\t"))
		}
		fmt.Fprintf(t, "  %s\t\n", strings.Join(r.cells(), "\t"))
	}
	return t.Flush()
}

// Markdown writes rows as tables of a Markdown page, one for each part.
func Markdown(w io.Writer, rows []Row) error {
	var b strings.Builder
	for i, r := range rows {
		if i == 0 || r.Part != rows[i-1].Part {
			fmt.Fprintf(&b, "\n### %s\n\n| %s |\n|%s\n", r.Part, strings.Join(headings, " | "), strings.Repeat(" --- |", len(headings)))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r.cells(), " | "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
