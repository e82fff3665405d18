//go:build darwin && !cgo

package tray

import (
	"context"

	"clawtray/assets"
)

const mnemonic = ""

func systemLanguage() string { return localeFromEnv() }

// show serves notifications only: the menu bar needs a build with cgo.
func show(ctx context.Context, l *loop) error {
	l.Log.Warn("built without cgo: going on without an icon")
	l.build(noSurface{})
	return l.serve(ctx)
}

// noSurface shows nothing.
type noSurface struct{}

func (noSurface) SetIcon(assets.Icon)   {}
func (noSurface) SetTooltip(string)     {}
func (noSurface) Add(entry, Item) entry { return noEntry{} }
func (noSurface) AddSeparator()         {}
func (noSurface) Clicks() <-chan ID     { return nil }

type noEntry struct{}

func (noEntry) SetTitle(string) {}
func (noEntry) Enable()         {}
func (noEntry) Disable()        {}
func (noEntry) Check()          {}
func (noEntry) Uncheck()        {}
func (noEntry) Show()           {}
func (noEntry) Hide()           {}
