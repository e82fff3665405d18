//go:build darwin && !cgo

package tray

import (
	"context"

	"clawtray/assets"
)

const mnemonic = ""

// show serves notifications only, because the menu bar needs a build with cgo.
func show(ctx context.Context, l *loop) error {
	l.options.Log.Warn("built without cgo: going on without an icon")
	l.build(noSurface{})
	return l.serve(ctx)
}

// noSurface shows nothing.
type noSurface struct{}

func (noSurface) SetIcon(assets.Icon)     {}
func (noSurface) SetTooltip(string)       {}
func (noSurface) Add(entry, Item) entry   { return noEntry{} }
func (noSurface) AddSeparator()           {}
func (noSurface) Opened() <-chan struct{} { return nil }

type noEntry struct{}

func (noEntry) SetTitle(string) {}
func (noEntry) Enable()         {}
func (noEntry) Disable()        {}
func (noEntry) Check()          {}
func (noEntry) Uncheck()        {}
func (noEntry) Show()           {}
func (noEntry) Hide()           {}
