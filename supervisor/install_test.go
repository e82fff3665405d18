package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
)

// bare returns a machine without OpenClaw, on which an installation takes a minute.
func bare(t *testing.T) *fakeHost {
	h := newFakeHost(t, nil)
	h.missing = &openclaw.MissingError{Kind: openclaw.OpenClawMissing, Sentence: "OpenClaw is not installed."}
	h.install = func(ctx context.Context, newest bool, progress func(InstallProgress)) error {
		for done := range int64(601) { // ten reports per percent
			progress(InstallProgress{Step: "Node 24.21.0", Done: done, Total: 600})
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
		}
		progress(InstallProgress{Step: "OpenClaw 2026.9.6", Items: 3})
		h.put("2026.9.6", nil)
		return nil
	}
	return h
}

// N3: one click installs the runtime with visible progress and then starts the gateway,
// with no other state in between.
func TestN3_InstallThenStart(t *testing.T) {
	play(t, bare, nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != OpenClawMissing {
			s.t.Fatalf("start: %v", err)
		}
		first := make(chan Answer, 1)
		go func() {
			a, _ := s.Do(s.t.Context(), Request{Intent: Install})
			first <- a
		}()
		s.until("half of it", func(st Status) bool { return st.Install != nil && st.Install.Done == 300 })
		s.must(Request{Intent: Install}, ResultRunning) // a second request joins the first
		if a := <-first; a.Result != ResultRunning {
			t.Errorf("the first request: %+v", a)
		}
		synctest.Wait()
		var shown []int64
		for _, st := range s.trace {
			if st.Install == nil {
				continue
			}
			if st.Phase != Installing || st.State != Starting {
				t.Errorf("progress shown while %s %s", st.State, st.Phase)
			}
			if p := *st.Install; p.Total > 0 && (len(shown) == 0 || shown[len(shown)-1] != p.Done) {
				shown = append(shown, p.Done)
			}
		}
		if len(shown) != 101 || !slices.IsSorted(shown) {
			t.Errorf("progress shown %v, want each percent once", shown)
		}
		if st := s.Status(); st.Install != nil || s.host.launches() != 1 {
			t.Errorf("afterwards: %+v, %d launches", st.Install, s.host.launches())
		}
		s.must(Request{Intent: Install}, ResultAlreadyRunning)
		s.now()
		before := len(s.trace)
		s.host.current().finish(Exit{Code: 1})
		s.until("back", func(st Status) bool { return st.State == Running && st.PID == 1001 })
		if slices.ContainsFunc(s.trace[before:], func(st Status) bool { return st.Phase == Installing }) {
			t.Error("installed again after a crash")
		}
	})
}

func TestN3_StopCancelsAnInstallation(t *testing.T) {
	play(t, bare, nil, func(s *scene) {
		asked := make(chan error, 1)
		go func() {
			_, err := s.Do(s.t.Context(), Request{Intent: Install})
			asked <- err
		}()
		s.until("progress", func(st Status) bool { return st.Install != nil && st.Install.Done > 50 })
		began := time.Now()
		s.must(Request{Intent: Stop}, ResultStopped)
		if took := time.Since(began); took != 0 {
			t.Errorf("the stop waited %v", took)
		}
		if err := <-asked; causeOf(err) != UserStop {
			t.Errorf("the installation was answered with %v", err)
		}
		if st := s.Status(); st.Cause.Code != UserStop || st.Install != nil || s.host.launches() != 0 {
			t.Errorf("after the stop: %+v", st)
		}
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != OpenClawMissing {
			t.Errorf("a start after a cancelled installation: %v", err)
		}
	})
}

// N3: an installation that is requested during a stop, and then overruled by another stop,
// is forgotten. The next start installs nothing.
func TestN3_AnOverruledInstallationIsForgotten(t *testing.T) {
	installs := 0
	slow := func(t *testing.T) *fakeHost {
		h := behaving(behaviour{listen: time.Second, stop: 3 * time.Second})(t)
		h.install = func(context.Context, bool, func(InstallProgress)) error { installs++; return nil }
		return h
	}
	play(t, slow, nil, func(s *scene) {
		s.start()
		s.now()
		ask := func(i Intent) { go s.Do(s.t.Context(), Request{Intent: i}); synctest.Wait() }
		ask(Stop)
		ask(Install)
		ask(Stop)
		s.until("stopped", in(Stopped))
		s.start()
		if installs != 0 {
			t.Errorf("%d installations", installs)
		}
		s.now()
		ask(Stop)
		ask(Install)
		s.until("starting again", in(Starting))
		s.until("running", in(Running))
		if installs != 1 {
			t.Errorf("%d installations, want one after the stop", installs)
		}
	})
}

func TestN3_InstallFails(t *testing.T) {
	fails := func(t *testing.T) *fakeHost {
		h := bare(t)
		h.install = func(context.Context, bool, func(InstallProgress)) error { return errors.New("the registry is down.") }
		return h
	}
	play(t, fails, nil, func(s *scene) {
		_, err := s.Do(s.t.Context(), Request{Intent: Install})
		st := s.Status()
		if causeOf(err) != InstallFailed || st.State != Failed || st.Cause.Action() != ActInstall {
			t.Errorf("%v; %+v", err, st)
		}
		if want := "Installing the runtime failed: the registry is down. Run `clawtray install` again."; st.Error != want {
			t.Errorf("said %q, want %q", st.Error, want)
		}
	})
}

// N3: a state that was written by a newer OpenClaw needs the newest version, not the pinned
// one.
func TestN3_AfterADowngradeTheNewestIsFetched(t *testing.T) {
	old := behaviour{listen: time.Hour, dies: time.Second, exit: Exit{Code: 78}, lines: []string{"this state requires a newer OpenClaw"}}
	var asked []bool
	downgraded := func(t *testing.T) *fakeHost {
		h := behaving(old, behaviour{listen: time.Second})(t)
		h.install = func(_ context.Context, newest bool, _ func(InstallProgress)) error {
			asked = append(asked, newest)
			h.put("2026.10.1", nil)
			return nil
		}
		return h
	}
	play(t, downgraded, nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != Downgrade {
			s.t.Fatalf("start: %v", err)
		}
		a := s.must(Request{Intent: Install}, ResultRunning)
		if !slices.Equal(asked, []bool{true}) || a.Status.GatewayVersion != "2026.10.1" {
			t.Errorf("asked for the newest: %v; runs %s", asked, a.Status.GatewayVersion)
		}
	})
}

// C1: a stop during the search for the runtime ends as a stop and not as an error.
func TestC1_StopWhileWaitingForNpm(t *testing.T) {
	replacing := func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.npm = make(chan struct{})
		return h
	}
	play(t, replacing, nil, func(s *scene) {
		go s.Do(s.t.Context(), Request{Intent: Start})
		s.until("the wait", func(st Status) bool { return st.Phase == Upgrading })
		s.must(Request{Intent: Stop}, ResultStopped)
		if st := s.Status(); st.Cause.Code != UserStop {
			t.Errorf("stopped with %+v", st.Cause)
		}
	})
}

// P18: npm replaces the package while the gateway runs, and the gateway crashes because of
// that. The next start waits until npm is done.
func TestP18_UpgradeIsWaitedFor(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		npm := make(chan struct{})
		s.host.mu.Lock()
		s.host.npm = npm
		s.host.mu.Unlock()
		s.host.current().finish(Exit{Code: 1})
		st := s.until("the wait", func(st Status) bool { return st.Phase == Upgrading })
		if st.State != Reconnecting {
			t.Errorf("waits while %s", st.State)
		}
		time.Sleep(40 * time.Second) // virtual
		if n := s.host.launches(); n != 1 {
			t.Errorf("%d launches while npm works", n)
		}
		s.host.put("2026.10.1", nil)
		close(npm)
		if st := s.until("running", in(Running)); st.GatewayVersion != "2026.10.1" || st.Attempts != 1 {
			t.Errorf("afterwards %+v", st)
		}
	})
}

func TestP18_DriftIsShownUntilTheRestart(t *testing.T) {
	play(t, behaving(behaviour{listen: time.Second, restarts: true}), nil, func(s *scene) { // in place it would go on with the old one
		s.start()
		if st := s.Status(); st.InstalledVersion != "" {
			t.Errorf("drift without a change: %q", st.InstalledVersion)
		}
		updated := func(st Status) bool { return st.InstalledVersion == "2026.10.1" }
		s.host.put("2026.10.1", nil)
		st := s.until("the drift", updated)
		if i := slices.IndexFunc(st.Health.Reasons, func(r Reason) bool { return r.Code == ReasonUpdate }); i < 0 ||
			st.Health.Reasons[i].Text != "OpenClaw 2026.10.1 is installed; restart to use it" {
			t.Errorf("reasons %+v", st.Health.Reasons)
		}
		s.host.put("", errors.New("npm works on it"))
		time.Sleep(2 * packageEvery * DefaultPolicy().Tend) // virtual
		if !updated(s.Status()) {
			t.Error("the drift was forgotten while npm worked on the package")
		}
		s.host.put("2026.10.1", nil)
		a := s.must(Request{Intent: Restart}, ResultRestarted)
		if a.Status.InstalledVersion != "" || a.Status.Health.Level != Healthy || a.Status.GatewayVersion != "2026.10.1" {
			t.Errorf("after the restart: %+v", a.Status)
		}
		s.host.put("2026.11.1", nil)
		s.until("the next drift", func(st Status) bool { return st.InstalledVersion == "2026.11.1" })
		s.host.put("2026.10.1", nil) // the old version again
		s.until("no drift", func(st Status) bool { return st.InstalledVersion == "" && st.Health.Level == Healthy })
	})
}

// P18: clawtray does not compare versions for a gateway of somebody else.
func TestP18_NoDriftWhileAttached(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		s.host.put("2026.10.1", nil)
		time.Sleep(2 * packageEvery * DefaultPolicy().Tend) // virtual
		if st := s.Status(); st.Mode != Attached || st.InstalledVersion != "" {
			t.Errorf("%+v", st)
		}
	})
}

// P18: the same with real files. npm moves the package away, needs some time, and writes a
// newer one.
func TestP18_RealFilesReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stub Node is a shell script")
	}
	root := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	modules := filepath.Join(root, "node_modules")
	install := func(version string) {
		write("node_modules/openclaw/openclaw.mjs", "// stub")
		write("node_modules/openclaw/package.json", fmt.Sprintf(`{"name":"openclaw","version":%q}`, version))
	}
	move := func(from, to string) {
		if err := os.Rename(filepath.Join(modules, from), filepath.Join(modules, to)); err != nil {
			t.Fatal(err)
		}
	}
	write("node", "#!/bin/sh\necho \"v24.21.0 $0\"\n")
	install("2026.9.6")
	host := &machine.Machine{Log: slog.New(slog.DiscardHandler), Search: openclaw.Search{Home: root, DataDir: root, Root: root,
		NodePath: filepath.Join(root, "node"), EntryPath: filepath.Join(modules, "openclaw"), CacheFile: filepath.Join(root, "runtime.json")}}
	onDisk := func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.real = host
		return h
	}
	play(t, onDisk, nil, func(s *scene) {
		s.start()
		move("openclaw", ".openclaw-AbC123")
		s.host.current().finish(Exit{Code: 1}) // because it could not load a file
		s.until("the wait", func(st Status) bool { return st.Phase == Upgrading })
		time.Sleep(20 * time.Second) // virtual
		install("2026.10.1")
		if err := os.RemoveAll(filepath.Join(modules, ".openclaw-AbC123")); err != nil {
			t.Error(err)
		}
		if st := s.until("running", in(Running)); st.GatewayVersion != "2026.10.1" || s.host.launches() != 2 {
			t.Errorf("%d launches, runs %s", s.host.launches(), st.GatewayVersion)
		}
		install("2026.11.1111") // so fast that nobody notices that the files were missing
		s.until("the drift", func(st Status) bool { return st.InstalledVersion == "2026.11.1111" })
	})
}
