package openclaw

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// upgradable returns a runtime in its own folder.
func upgradable(t *testing.T) (*machine, Runtime) {
	m := newMachine(t)
	m.openclaw("/x/node_modules", "2026.9.6", engines)
	m.node("/n/node", "24.21.0")
	dir := m.at("/x/node_modules/openclaw")
	return m, Runtime{Node: m.at("/n/node"), Entry: filepath.Join(dir, "openclaw.mjs"), Dir: dir}
}

func rename(t *testing.T, from, to string) {
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func TestN1_AwaitAnUpgrade(t *testing.T) {
	m, r := upgradable(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := r.Await(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("a whole runtime: %v after %v", err, time.Since(began))
		}
		// npm moves the old package to another name, unpacks the new one, and then removes
		// the old one.
		old := filepath.Join(filepath.Dir(r.Dir), ".openclaw-AbC123")
		rename(t, r.Dir, old)
		done := make(chan error, 1)
		go func() { done <- r.Await(t.Context()) }()
		time.Sleep(20 * time.Second) // virtual: npm is at work
		m.openclaw("/x/node_modules", "2026.10.1", engines)
		time.Sleep(5 * time.Second)
		select {
		case err := <-done:
			t.Fatalf("did not wait for npm to end: %v", err)
		default:
		}
		if err := os.RemoveAll(old); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited < 25*time.Second || waited > 26*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestN1_AwaitEnds(t *testing.T) {
	_, r := upgradable(t)
	synctest.Test(t, func(t *testing.T) {
		mark := filepath.Join(filepath.Dir(r.Dir), ".openclaw-AbC123")
		if err := os.Mkdir(mark, 0o755); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := r.Await(t.Context()); err != nil || time.Since(began) != upgradeLimit {
			t.Errorf("an npm killed long ago: %v after %v", err, time.Since(began))
		}
		rename(t, r.Dir, r.Dir+".gone")
		began = time.Now()
		if err := r.Await(t.Context()); err == nil || time.Since(began) != upgradeLimit {
			t.Errorf("a package that is gone: %v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Await(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller's end: %v", err)
		}
	})
}

// N1: AwaitUpgrade waits when npm is replacing the OpenClaw that the last search found.
func TestN1_AwaitUpgradeOfTheRemembered(t *testing.T) {
	m := newMachine(t)
	m.node("/usr/local/bin/node", "24.21.0")
	m.openclaw("/usr/local/lib/node_modules", "2026.9.6", engines)
	s := m.search()
	s.CacheFile = m.at("/cache/runtime.json")
	await := func(name string, want time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			began, waited := time.Now(), false
			err := AwaitUpgrade(t.Context(), s, func() { waited = true })
			if took := time.Since(began); took != want || waited != (want > 0) {
				t.Errorf("%s: took %v (want %v), said so %v, %v", name, took, want, waited, err)
			}
		})
	}
	await("nothing was found before", 0)
	if _, _, err := Resolve(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	await("all is well", 0)

	modules := m.at("/usr/local/lib/node_modules")
	mark := filepath.Join(modules, ".openclaw-AbC123")
	rename(t, filepath.Join(modules, "openclaw"), mark)
	m.managed("24.21.0", "2026.9.6")
	await("npm is at work, although there is another", upgradeLimit)

	// The wait was useless, so the next start does not wait.
	await("after a wait in vain", 0)
	rename(t, mark, filepath.Join(modules, "openclaw"))
	if r, _, err := Resolve(t.Context(), s); err != nil || r.Source == "managed" {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := os.RemoveAll(filepath.Join(modules, "openclaw")); err != nil {
		t.Fatal(err)
	}
	await("gone without npm, and there is another", 0)
	if err := os.RemoveAll(m.at("/data")); err != nil {
		t.Fatal(err)
	}
	await("gone, and there is no other", upgradeLimit)
}

// N1: a folder that a killed npm has left does not delay every start for ever.
func TestN1_OldMarkOfAKilledNpm(t *testing.T) {
	_, r := upgradable(t)
	modules := filepath.Dir(r.Dir)
	if err := os.Mkdir(filepath.Join(modules, ".openclaw-AbC123"), 0o755); err != nil {
		t.Fatal(err)
	}
	if !r.upgrading() {
		t.Error("a fresh mark is no upgrade")
	}
	old := time.Now().Add(-2 * upgradeLimit)
	if err := os.Chtimes(modules, old, old); err != nil {
		t.Fatal(err)
	}
	if r.upgrading() {
		t.Error("an old mark is an upgrade")
	}
}
