package tray

import (
	"strings"

	"clawtray/assets"
)

// surface is what the driver needs of a tray library. The real one is systray; tests use
// one that counts calls.
type surface interface {
	SetIcon(assets.Icon)
	SetTooltip(string)
	Add(parent entry, it Item) entry
	AddSeparator()
	// Opened receives when a person opens the menu. It is nil where the system does not
	// tell.
	Opened() <-chan struct{}
}

// entry is one line of a real menu; *systray.MenuItem implements it.
type entry interface {
	SetTitle(string)
	Enable()
	Disable()
	Check()
	Uncheck()
	Show()
	Hide()
}

// driver shows menus on a surface. It creates the entries once and then changes only what
// differs. Each call closes the open menu on some desktops, and creating entries again
// leaks handles on others.
type driver struct {
	surface surface
	entries map[ID]entry
	shown   Menu
}

// build creates the entries of m. All later menus have the same entries.
func build(s surface, m Menu) *driver {
	d := &driver{surface: s, entries: map[ID]entry{}, shown: m}
	s.SetIcon(m.Icon)
	s.SetTooltip(m.Tooltip)
	d.add(nil, m.Items)
	return d
}

func (d *driver) add(parent entry, items []Item) {
	for _, it := range items {
		if it.ID == "" {
			d.surface.AddSeparator()
			continue
		}
		e := d.surface.Add(parent, it)
		d.entries[it.ID] = e
		d.add(e, it.Sub)
		if it.Disabled {
			e.Disable()
		}
		if it.Hidden {
			e.Hide() // last, because the other calls show the entry again on Windows
		}
	}
}

// apply shows m, and reports whether anything has changed.
func (d *driver) apply(m Menu) bool {
	changed := false
	if m.Icon != d.shown.Icon {
		d.surface.SetIcon(m.Icon)
		changed = true
	}
	if m.Tooltip != d.shown.Tooltip {
		d.surface.SetTooltip(m.Tooltip)
		changed = true
	}
	changed = d.diff(d.shown.Items, m.Items) || changed
	d.shown = m
	return changed
}

func (d *driver) diff(old, new []Item) bool {
	changed := false
	for i, it := range new {
		if it.ID == "" {
			continue
		}
		was := old[i]
		changed = d.update(d.entries[it.ID], was, it) || changed
		changed = d.diff(was.Sub, it.Sub) || changed
	}
	return changed
}

// update changes one entry. It does not touch a hidden entry, because on Windows any
// change would show it. When the entry appears, it gets all its values.
func (d *driver) update(e entry, was, now Item) bool {
	if now.Hidden {
		if !was.Hidden {
			e.Hide()
		}
		return !was.Hidden
	}
	appears := was.Hidden
	if appears || was.Title != now.Title {
		e.SetTitle(label(now.Title))
	}
	if appears || was.Disabled != now.Disabled {
		set(now.Disabled, e.Disable, e.Enable)
	}
	if now.Check != Uncheckable && (appears || was.Check != now.Check) {
		set(now.Check == Checked, e.Check, e.Uncheck)
	}
	if appears {
		e.Show()
	}
	return appears || was.Title != now.Title || was.Disabled != now.Disabled || was.Check != now.Check
}

func set(on bool, yes, no func()) {
	if on {
		yes()
	} else {
		no()
	}
}

// label doubles the character that would make the next letter a keyboard mnemonic.
func label(title string) string {
	if mnemonic == "" {
		return title
	}
	return strings.ReplaceAll(title, mnemonic, mnemonic+mnemonic)
}
