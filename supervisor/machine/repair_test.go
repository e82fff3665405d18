package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"clawtray/supervisor/openclaw"
)

// doctored is a machine with a configuration that has been left alone, and a Node that
// plays doctor with this script; $F is the configuration.
func doctored(t *testing.T, json5, script string) (*Machine, openclaw.Runtime, openclaw.Effective) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the stub Node is a shell script")
	}
	m := at(t, json5)
	path := filepath.Join(m.Home, ".openclaw", "openclaw.json")
	node := filepath.Join(m.Home, "node")
	put(t, node, "#!/bin/sh\nF="+path+"\n"+script)
	if err := errors.Join(os.Chmod(node, 0o700), os.MkdirAll(m.StateDir, 0o700)); err != nil {
		t.Fatal(err)
	}
	e, err := m.Gateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return m, openclaw.Runtime{Node: node, Entry: "openclaw.mjs", Path: "/usr/bin:/bin"}, e
}

const configured = `{gateway: {mode: "local", auth: {token: "canary-token"}, bogus: 1}} // mine
`

func text(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestQ1_ACopyIsKeptBeforeDoctor, for the user alone; what changed is said; and the way
// back gives every byte again.
func TestQ1_ACopyIsKeptBeforeDoctor(t *testing.T) {
	m, r, e := doctored(t, configured, `echo '{"gateway":{"mode":"local","auth":{"token":"canary-token"},"port":5}}' >"$F"; echo repaired; exit 1`)
	d, err := m.Repair(t.Context(), r, e)
	if err == nil || strings.TrimSpace(d.Output) != "repaired" || !slices.Equal(d.Gone, []string{"gateway.bogus"}) || !slices.Equal(d.Changed, []string{"gateway.port"}) || d.PutBack {
		t.Errorf("%+v, %v", d, err)
	}
	copies := openclaw.Copies(m.copies())
	if len(copies) != 1 {
		t.Fatalf("copies %v", copies)
	}
	for _, path := range []string{copies[0], filepath.Join(m.StateDir, doctorOutputName)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if _, err := m.Restore(t.Context(), e); err != nil || text(t, e.Paths.ConfigPath) != configured {
		t.Errorf("%v, %s", err, text(t, e.Paths.ConfigPath))
	}
	kept, _ := filepath.Glob(e.Paths.ConfigPath + ".replaced-*")
	if len(kept) != 1 || !strings.Contains(text(t, kept[0]), `"port":5`) {
		t.Errorf("kept beside: %v", kept)
	}
	// An older copy is not what a person means who asks twice.
	older := openclaw.CopyName(m.copies(), time.Unix(1, 0))
	put(t, older, strings.Replace(text(t, copies[0]), `"content":"`, `"content":"e30K`, 1))
	if _, err := m.Restore(t.Context(), e); !errors.Is(err, ErrNoCopy) || text(t, e.Paths.ConfigPath) != configured {
		t.Errorf("again: %v, %s", err, text(t, e.Paths.ConfigPath))
	}
}

// TestQ1_ADoctorThatLeavesNothing: the copy takes its place again.
func TestQ1_ADoctorThatLeavesNothing(t *testing.T) {
	for _, script := range []string{`: >"$F"`, `rm "$F"`, `printf '{gateway: ' >"$F"`} {
		m, r, e := doctored(t, configured, script)
		d, err := m.Repair(t.Context(), r, e)
		if err != nil || !d.PutBack || text(t, e.Paths.ConfigPath) != configured {
			t.Errorf("%s: %+v, %v", script, d, err)
		}
	}
}

// TestQ1_WhatDoctorMustNotTouch stays as it is, and doctor is not run.
func TestQ1_WhatDoctorMustNotTouch(t *testing.T) {
	for name, spoil := range map[string]func(m *Machine, path string) error{
		"a link to a read-only file": func(_ *Machine, path string) error {
			store := filepath.Join(filepath.Dir(path), "store.json")
			return errors.Join(os.Rename(path, store), os.Chmod(store, 0o400), os.Symlink(store, path))
		},
		"changed since it was read": func(_ *Machine, path string) error { return os.WriteFile(path, []byte("{}"), 0o600) },
		"gone":                      func(_ *Machine, path string) error { return os.Remove(path) },
		"the state has an owner": func(_ *Machine, path string) error {
			me, err := inspect(os.Getpid())
			put(t, filepath.Join(filepath.Dir(path), "tmp", "openclaw-1", "gateway.state.lock"), fmt.Sprintf(`{"pid": %d, "port": 1, "startTime": %d}`, me.pid, me.start))
			return err
		},
		"no copy can be kept": func(m *Machine, _ string) error {
			return os.WriteFile(filepath.Join(m.StateDir, "config-copies"), nil, 0o600)
		},
	} {
		m, r, e := doctored(t, configured, `echo doctored >"$F"`)
		if err := spoil(m, e.Paths.ConfigPath); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(e.Paths.ConfigPath)
		_, err := m.Repair(t.Context(), r, e)
		after, _ := os.ReadFile(e.Paths.ConfigPath)
		if !errors.Is(err, ErrNotForDoctor) || string(after) != string(before) {
			t.Errorf("%s: %v, %q", name, err, after)
		}
	}
}

// TestQ1_DoctorGoesOnToItsEnd when nobody waits any longer, and no gateway is started
// beside it, by this clawtray or by a later one.
func TestQ1_DoctorGoesOnToItsEnd(t *testing.T) {
	m, r, e := doctored(t, configured, `mkfifo "$F.go"; : >"$F.began"; read go <"$F.go"; echo '{gateway: {mode: "local"}}' >"$F"; : >"$F.over"`)
	ctx, leave := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	go func() { _, err := m.Repair(ctx, r, e); returned <- err }()
	awaitFile(t, e.Paths.ConfigPath+".began")
	awaitFile(t, filepath.Join(m.StateDir, doctorRunName))
	leave()
	if err := <-returned; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, later := range []*Machine{m, {Home: m.Home, Env: m.Env, StateDir: m.StateDir, Log: m.Log}} {
		limited, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := later.Launch(limited, r, Spawn{}); err == nil || !strings.Contains(err.Error(), "doctor is still at work") {
			t.Errorf("a launch beside it: %v", err)
		}
		if _, err := later.Restore(limited, e); err == nil || !strings.Contains(err.Error(), "doctor is still at work") {
			t.Errorf("a way back beside it: %v", err)
		}
	}
	put(t, e.Paths.ConfigPath+".go", "go\n")
	if err := m.awaitDoctor(t.Context()); err != nil {
		t.Error(err)
	}
	if got := text(t, e.Paths.ConfigPath); !strings.Contains(got, `{gateway: {mode: "local"}}`) {
		t.Errorf("it did not get to its end: %s", got)
	}
	_, err := call[struct{}]{what: "waiting", do: func() (struct{}, error) { return struct{}{}, nil }}.in(t.Context(), &m.lanes.repair) // until its books are closed
	if err != nil {
		t.Error(err)
	}
}

// awaitFile waits until there is a file.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(path)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestQ2_TheLastGoodConfigurationIsPutBack over runs, with what it includes, and only
// when it is another one.
func TestQ2_TheLastGoodConfigurationIsPutBack(t *testing.T) {
	m := at(t, `{gateway: {mode: "local", $include: "./auth.json5"}}`)
	dir := filepath.Join(m.Home, ".openclaw")
	auth := filepath.Join(dir, "auth.json5")
	put(t, auth, `{auth: {token: "canary-token"}}`)
	if err := os.MkdirAll(m.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	e, err := m.Gateway(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.Accepted(t.Context(), e)
	info, err := os.Stat(m.acceptedFile())
	if err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Fatalf("%v, %v", info, err)
	}
	if at := m.LastGood(t.Context(), e); !at.IsZero() {
		t.Errorf("the same one was offered, of %v", at)
	}
	put(t, e.Paths.ConfigPath, `{gateway: `)
	if err := os.Remove(auth); err != nil {
		t.Fatal(err)
	}
	next := &Machine{Home: m.Home, Env: m.Env, StateDir: m.StateDir, Log: m.Log}
	lost, readErr := next.Gateway(t.Context())
	if readErr == nil {
		t.Fatal("a broken file was read")
	}
	if at := next.LastGood(t.Context(), lost); at.IsZero() {
		t.Error("it is not known")
	}
	if err := next.PutLastGood(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	again, err := next.Gateway(t.Context())
	if token, _ := again.Credentials(); err != nil || token != "canary-token" {
		t.Errorf("%v", err)
	}
	if err := at(t, "").PutLastGood(t.Context(), e); !errors.Is(err, ErrNoCopy) {
		t.Errorf("where nothing is known: %v", err)
	}
	// An edit in the moment of the acceptance is not taken for what was accepted.
	put(t, e.Paths.ConfigPath, `{gateway: {mode: "local"}, edited: 1}`)
	next.Accepted(t.Context(), again)
	if err := next.PutLastGood(t.Context(), again); err != nil || strings.Contains(text(t, e.Paths.ConfigPath), "edited") {
		t.Errorf("%v, %s", err, text(t, e.Paths.ConfigPath))
	}
}
