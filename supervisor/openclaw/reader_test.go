package openclaw

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestXH10_HangingFileSystem: callers do not wait for a file system that hangs, and only
// one goroutine does.
func TestXH10_HangingFileSystem(t *testing.T) {
	h := newUserHome(t)
	h.config(`{gateway: {mode: "local", port: 7}}`)
	r, begun, release := h.reader(), make(chan struct{}), make(chan struct{})
	var times atomic.Int32
	r.container = func(*variables) bool {
		if times.Add(1) == 1 {
			close(begun)
			<-release
		}
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-begun; cancel() }()
	if e, err := r.Read(ctx); !IsConfigError(err, ConfigTimeout) || !errors.Is(err, context.Canceled) || e.Listen.Port.Value != 0 {
		t.Errorf("%v, %v", e.Listen, err)
	}
	if _, err := r.Read(ctx); !IsConfigError(err, ConfigTimeout) || times.Load() != 1 {
		t.Errorf("while it hangs: %v, begun %d times", err, times.Load())
	}
	close(release)
	if e, err := r.Read(context.Background()); err != nil || e.Listen.Port.Value != 7 {
		t.Errorf("afterwards: %v, %v", e.Listen, err)
	}
}

// TestXH10_NotAFile: a pipe or a folder is rejected without waiting.
func TestXH10_NotAFile(t *testing.T) {
	h := newUserHome(t)
	h.config("{}")
	path := h.at(".openclaw/openclaw.json")
	for name, replace := range map[string]func() error{
		"folder": func() error { return os.Mkdir(path, 0o700) },
		"pipe":   func() error { return makePipe(path) },
		"device": func() error { return os.Symlink(os.DevNull, path) },
	} {
		if err := errors.Join(os.RemoveAll(path), replace()); errors.Is(err, errors.ErrUnsupported) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		if e, err := h.read(); !IsConfigError(err, ConfigUnreadable) || !errors.Is(err, errNotRegular) || !e.File.Exists {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestO2_ReadAgainWhenAnyFileChanges: a change of every file of the configuration counts,
// including files that did not exist.
func TestO2_ReadAgainWhenAnyFileChanges(t *testing.T) {
	h := newUserHome(t)
	h.config(`{gateway: {mode: "local", $include: "port.json", auth: {token: "${MY_TOKEN}"}}}`)
	h.write(".openclaw/port.json", "{port: 1}")
	r := h.reader()
	reads := 0
	r.container = func(*variables) bool { reads++; return false }
	check := func(what string, port int, token string, times int) {
		t.Helper()
		for range 3 {
			e, err := r.Read(context.Background())
			if got, _ := e.SignIn.Secret().Value(); err != nil || e.Listen.Port.Value != port || got != token {
				t.Errorf("%s: port %d, token %q, %v", what, e.Listen.Port.Value, got, err)
			}
		}
		if reads != times {
			t.Errorf("%s: read %d times, want %d", what, reads, times)
		}
	}
	check("at first", 1, "", 1)
	h.write(".openclaw/.env", "MY_TOKEN=a")
	check("a .env that was not there", 1, "a", 2)
	h.write(".openclaw/.env", "MY_TOKEN=bc")
	check(".env", 1, "bc", 3)
	h.write(".openclaw/port.json", "{port: 22}")
	check("the included file", 22, "bc", 4)
	h.config(`{gateway: {mode: "local", port: 333, auth: {token: "x"}}}`)
	check("the file itself", 333, "x", 5)
	h.write(".openclaw/port.json", "{port: 4444}")
	check("a file that is not included any more", 333, "x", 5)
	h.in.Given.Port, h.in.Given.PortSource = 9, SourceSettings
	r.Use(h.in)
	check("other inputs", 9, "x", 6)
}

// TestO2_ChangedDuringTheRead: what changed while it was read is read again the next time.
func TestO2_ChangedDuringTheRead(t *testing.T) {
	h := newUserHome(t)
	h.config(`{gateway: {mode: "local", $include: "port.json"}}`)
	h.write(".openclaw/port.json", "{port: 1}")
	r := h.reader()
	r.container = func(*variables) bool {
		h.write(".openclaw/port.json", "{port: 22}")
		return false
	}
	for _, port := range []int{1, 22, 22} {
		if e, err := r.Read(context.Background()); err != nil || e.Listen.Port.Value != port {
			t.Errorf("port %d, %v; want %d", e.Listen.Port.Value, err, port)
		}
	}
}

// TestXW9_Settled: the caller can tell a file that somebody may be writing.
func TestXW9_Settled(t *testing.T) {
	h := newUserHome(t)
	h.config(`{gateway: {mode: "local"}, $include: "a.json"}`)
	h.write(".openclaw/a.json", "{}")
	now := time.Now()
	if !h.mustRead().File.Settled(now, 3*time.Second) {
		t.Error("an old file is not settled")
	}
	if err := os.Chtimes(h.at(".openclaw/a.json"), now, now.Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	f := h.mustRead().File
	if f.Settled(now, 3*time.Second) || !f.Settled(now.Add(3*time.Second), 3*time.Second) {
		t.Errorf("an included file that changed a second ago: %v", f.Changed)
	}
	if !settled(now.Add(time.Hour), now, 3*time.Second) {
		t.Error("the clock of a file server that is ahead stops everything")
	}
}

func TestO2_ReadersAtOnce(t *testing.T) {
	h := newUserHome(t)
	h.config(`{gateway: {mode: "local", port: 7}}`)
	r := h.reader()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if e, err := r.Read(context.Background()); err != nil || e.Listen.Port.Value != 7 {
					t.Errorf("%v, %v", e.Listen, err)
				}
				r.Use(h.in)
			}
		})
	}
	all.Wait()
}

// TestO2_WhoseFile: a file of another user is recognised, whether it is readable or not.
func TestO2_WhoseFile(t *testing.T) {
	h := newUserHome(t)
	h.config("{}")
	path := h.at(".openclaw/openclaw.json")
	if h.mustRead().File.Foreign || unreadable(path, fs.ErrPermission).Kind != ConfigUnreadable {
		t.Error("our own file is foreign")
	}
	if other := foreignFile(t, path); other != "" {
		info, err := os.Stat(other)
		if err != nil || !foreign(info) || unreadable(other, fs.ErrPermission).Kind != ConfigForeign {
			t.Errorf("%s is ours, %v", other, err)
		}
	}
}

// BenchmarkReadAtRest measures one reading while nothing changes (every 30 s).
func BenchmarkReadAtRest(b *testing.B) {
	h := newUserHome(b)
	h.config(`{gateway: {mode: "local", port: 7, auth: {$include: "auth.json"}}}`)
	h.write(".openclaw/auth.json", `{token: "abc"}`)
	h.write(".openclaw/.env", "A=b")
	r := h.reader()
	for b.Loop() {
		if _, err := r.Read(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
