package figures

import (
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
)

var sample = []Row{
	{Part: "Time", Name: "start & more", Unit: "s", Ours: 14.24, Peer: "bare", Its: 14.33, Ratio: 0.99, Goal: 1.05},
	{Part: "Time", Name: "logout", Unit: "s", Ours: 4.5, Goal: 4},
	{Part: "Protocol", Name: "events a second", Ours: 1687703, Peer: "reference", Its: 405747, Goal: 5, More: true},
	{Part: "Protocol", Name: "latency", Unit: "ms", Ours: 0.0671, Peer: "reference", Its: 0.101},
}

func TestRowsGoThroughAPipe(t *testing.T) {
	var b strings.Builder
	if err := Print(&b, sample...); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(strings.NewReader("round 1 of 3\n" + b.String())); err != nil || !slices.Equal(got, sample) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Read(strings.NewReader("{nonsense")); err == nil {
		t.Error("a broken row is not told")
	}
}

// Two benchmarks of `make bench` have rows for the same part.
func TestGrouped(t *testing.T) {
	mixed := []Row{sample[0], sample[2], sample[1], sample[3]}
	if got := Grouped(mixed); !slices.Equal(got, sample) {
		t.Errorf("%+v", got)
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := Table(&b, sample); err != nil {
		t.Fatal(err)
	}
	const want = `
Time            clawtray  peer           ratio  goal
  start & more  14.24 s   bare: 14.33 s  0.99   ≤ 1.05 met
  logout        4.50 s                          ≤ 4 s MISSED

Protocol           clawtray  peer                 ratio  goal
  events a second  1687703   reference: 405747    4.16   ≥ 5 MISSED
  latency          0.067 ms  reference: 0.101 ms  0.66
`
	trimmed := func(s string) (lines []string) {
		for line := range strings.Lines(s) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return lines
	}
	if got := b.String(); !slices.Equal(trimmed(got), trimmed(want)) {
		t.Errorf("got\n%s", got)
	}
	b.Reset()
	if err := Markdown(&b, sample); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "\n| start & more | 14.24 s | bare: 14.33 s | 0.99 | ≤ 1.05 met |\n| logout | 4.50 s |  |  | ≤ 4 s MISSED |\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestChart(t *testing.T) {
	var b strings.Builder
	if err := Chart(&b, sample); err != nil {
		t.Fatal(err)
	}
	bars := 0
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, is := token.(xml.StartElement); is && e.Name.Local == "text" {
			bars++
		}
	}
	if want := 3 + 2*3; bars != want { // three rows have a peer
		t.Errorf("%d texts, want %d", bars, want)
	}
	for _, ratio := range []float64{0.0001, 1, 1000} {
		if x := at(ratio); x < nameWidth || x > nameWidth+barsWidth {
			t.Errorf("%g stands at %.0f", ratio, x)
		}
	}
}
