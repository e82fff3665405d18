package tray

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"clawtray/assets"
	"clawtray/supervisor"
)

// Menu is everything that the tray shows, as a value.
type Menu struct {
	Icon    assets.Icon
	Tooltip string
	Items   []Item
	// Elsewhere are the actions without a row in the menu. The icon and notifications use
	// them.
	Elsewhere []Item
	// Until is when the words change although the status does not; zero means never.
	Until time.Time
}

// Item is one entry of the menu. Title is plain text without mnemonics.
type Item struct {
	ID       ID // names the place in the menu
	Does     ID // names the row of the table whose action a click carries out
	Arg      string
	Title    string
	Disabled bool
	Hidden   bool
	Check    Check
	Sub      []Item
	// Request is what a click asks of the gateway; zero when it asks nothing.
	Request supervisor.Request
}

// Check is the check mark of an entry.
type Check int

// The check marks. An entry that can be checked never becomes one that cannot.
const (
	Uncheckable Check = iota
	Unchecked
	Checked
)

func check(on bool) Check {
	if on {
		return Checked
	}
	return Unchecked
}

// acts reports whether a click does something.
func (it Item) acts() bool { return !it.Disabled && !it.Hidden && it.Sub == nil }

// cures reports whether the entry is a cure, and more than a look at the log.
func (it Item) cures() bool { return it.ID == Help && it.Does != ViewLogs }

// button is a click on the entry, for a notification.
func (it Item) button() Click { return Click{ID: it.Does, Arg: it.Arg, Title: it.Title} }

// find returns the entry whose ID or Does is id.
func (m Menu) find(id ID) (Item, bool) {
	return m.first(func(it Item) bool { return it.ID == id || it.Does == id })
}

// first returns the first entry for which wanted returns true.
func (m Menu) first(wanted func(Item) bool) (Item, bool) {
	if it, ok := first(m.Items, wanted); ok {
		return it, true
	}
	return first(m.Elsewhere, wanted)
}

func first(items []Item, wanted func(Item) bool) (Item, bool) {
	for _, it := range items {
		if wanted(it) {
			return it, true
		}
		if sub, ok := first(it.Sub, wanted); ok {
			return sub, true
		}
	}
	return Item{}, false
}

// buttons returns at most most buttons, for those of the entries that can be clicked now.
func (m Menu) buttons(most int, ids ...ID) []Click {
	var out []Click
	for _, id := range ids {
		it, ok := m.find(id)
		if id == Help && !it.cures() {
			continue
		}
		if ok && it.acts() && len(out) < most && !slices.Contains(out, it.button()) {
			out = append(out, it.button())
		}
	}
	return out
}

// String returns the menu as text, for golden files and people.
func (m Menu) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "icon: %s\ntooltip: %s\n", m.Icon, m.Tooltip)
	dump(&b, m.Items, "")
	return b.String()
}

func dump(b *strings.Builder, items []Item, indent string) {
	for _, it := range items {
		if it.Hidden {
			continue
		}
		if it.ID == "" {
			fmt.Fprintf(b, "%s----\n", indent)
			continue
		}
		mark := map[Check]string{Unchecked: "[ ] ", Checked: "[x] "}[it.Check]
		fmt.Fprintf(b, "%s%s%s", indent, mark, it.Title)
		if it.Disabled {
			b.WriteString("  (disabled)")
		}
		if it.Request.Intent != "" {
			fmt.Fprintf(b, "  -> %s", asked(it.Request))
		}
		b.WriteString("\n")
		dump(b, it.Sub, indent+"    ")
	}
}

func asked(r supervisor.Request) string {
	switch {
	case r.Now:
		return string(r.Intent) + " now"
	case r.WhenIdle:
		return string(r.Intent) + " when idle"
	}
	return string(r.Intent)
}
