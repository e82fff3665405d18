//go:build !darwin || cgo

package tray

import (
	"context"
	"sync"

	"clawtray/assets"

	"fyne.io/systray"
)

// widget implements surface with fyne.io/systray.
type widget struct {
	ctx    context.Context
	clicks chan<- Click // gets every click, in the sequence in which they were made
	wg     sync.WaitGroup
}

func newWidget(ctx context.Context, clicks chan<- Click) *widget {
	return &widget{ctx: ctx, clicks: clicks}
}

func (w *widget) SetIcon(i assets.Icon)   { setIcon(i) }
func (w *widget) SetTooltip(text string)  { systray.SetTooltip(text); setTitle(text) }
func (w *widget) AddSeparator()           { systray.AddSeparator() }
func (w *widget) Opened() <-chan struct{} { return systray.TrayOpenedCh }

func (w *widget) Add(parent entry, it Item) entry {
	m := w.item(parent, it)
	// systray drops a click when nobody receives it at that moment, so each entry has a
	// goroutine that only receives its clicks.
	w.wg.Go(func() {
		for {
			select {
			case <-w.ctx.Done():
				return
			case _, ok := <-m.ClickedCh:
				if !ok {
					return
				}
				w.clicked(it.ID)
			}
		}
	})
	return m
}

func (w *widget) clicked(id ID) {
	select {
	case w.clicks <- Click{ID: id}:
	case <-w.ctx.Done():
	}
}

func (w *widget) item(parent entry, it Item) *systray.MenuItem {
	title, checkable, checked := label(it.Title), it.Check != Uncheckable, it.Check == Checked
	p, _ := parent.(*systray.MenuItem)
	switch {
	case p == nil && checkable:
		return systray.AddMenuItemCheckbox(title, "", checked)
	case p == nil:
		return systray.AddMenuItem(title, "")
	case checkable:
		return p.AddSubMenuItemCheckbox(title, "", checked)
	}
	return p.AddSubMenuItem(title, "")
}
