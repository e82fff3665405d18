package tray

import (
	"context"
	"fmt"

	"clawtray/supervisor"
)

// Verb is a command that comes from a row of the table: `clawtray Name` does the same as a
// click on the entry.
type Verb struct{ Name, Short string }

// Verbs returns the commands of the table.
func Verbs() []Verb {
	var out []Verb
	walk(append(table(), elsewhere()...), func(r row) {
		if r.verb != "" {
			out = append(out, Verb{r.verb, textsFor("").entry[r.id].Short})
		}
	})
	return out
}

// Do carries out the command, and returns the answer for people.
func (v Verb) Do(ctx context.Context, o Options) (answer string, err error) {
	err = fmt.Errorf("there is no entry for %q", v.Name)
	walk(append(table(), elsewhere()...), func(r row) {
		if r.verb == v.Name {
			d := &deed{options: o.withDefaults(), t: textsFor(""), item: Item{Does: r.id, Request: supervisor.Request{Intent: r.ask}}}
			answer, err = d.do(ctx, r)
		}
	})
	return answer, err
}

func walk(rows []row, visit func(row)) {
	for _, r := range rows {
		visit(r)
		walk(r.sub, visit)
		walk(r.first, visit)
	}
}
