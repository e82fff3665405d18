package control

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clawtray/supervisor"
	"clawtray/supervisor/supervisortest"
)

// claim claims dir until the test ends.
func claim(t *testing.T, dir string) *Instance {
	t.Helper()
	i, err := Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Close() })
	return i
}

// answers serves i until the test ends.
func answers(t *testing.T, i *Instance) {
	s := supervisor.New(supervisor.Config{Port: 1}, supervisortest.Bare{})
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { s.Run(ctx) })
	all.Go(func() { Serve(ctx, i, s) })
	t.Cleanup(func() {
		stop()
		all.Wait()
	})
}

// report asks the instance of dir how the gateway is.
func report(t *testing.T, dir string) error {
	c := NewClient(dir)
	defer c.Close()
	_, _, err := c.Report(t.Context())
	return err
}

// TestXP3_OneInstanceWhateverTheEnvironment: cron and su have no XDG_RUNTIME_DIR, a login has
// one. For the same home there is one instance.
func TestXP3_OneInstanceWhateverTheEnvironment(t *testing.T) {
	dir := short(t)
	t.Setenv("XDG_RUNTIME_DIR", "")
	answers(t, claim(t, dir))
	t.Setenv("XDG_RUNTIME_DIR", short(t))
	if _, err := Claim(dir); !errors.Is(err, ErrRunning) {
		t.Errorf("a second one: %v", err)
	}
	if err := report(t, dir); err != nil {
		t.Error(err)
	}
	o, running, err := Look(dir)
	if err != nil || !running || o.PID != os.Getpid() || o.Started.IsZero() || o.Socket != filepath.Join(dir, socketName) {
		t.Errorf("the lock file says %+v, %t, %v", o, running, err)
	}
}

// TestXP3_TwoHomesShareARuntimeFolder: neither takes the other's socket.
func TestXP3_TwoHomesShareARuntimeFolder(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", short(t))
	for range 2 {
		deep := filepath.Join(short(t), strings.Repeat("deep/", 30))
		answers(t, claim(t, deep))
		if err := report(t, deep); err != nil {
			t.Error(err)
		}
	}
}

// TestXP5_APathThatIsTooLong: the socket is put elsewhere, the lock file says where,
// and nothing stays behind.
func TestXP5_APathThatIsTooLong(t *testing.T) {
	for name, runtime := range map[string]string{"with a runtime folder": short(t), "without one": "", "with one that is too deep": filepath.Join(short(t), strings.Repeat("deep/", 30))} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_RUNTIME_DIR", runtime)
			if runtime != "" {
				if err := os.MkdirAll(runtime, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			dir := filepath.Join(short(t), strings.Repeat("deep/", 30))
			i := claim(t, dir)
			answers(t, i)
			if err := report(t, dir); err != nil {
				t.Error(err)
			}
			path := i.Addr().String()
			if err := i.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(filepath.Dir(path)); !os.IsNotExist(err) {
				t.Errorf("%s stayed: %v", filepath.Dir(path), err)
			}
		})
	}
}

// TestXP5_AKilledOneLeavesNothing: the next instance removes the socket of one that was
// killed, also when that is not in the state folder.
func TestXP5_AKilledOneLeavesNothing(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "")
	dir := filepath.Join(short(t), strings.Repeat("deep/", 30))
	i, err := Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	i.socket.SetUnlinkOnClose(false) // the kernel ends a killed process so
	if err := errors.Join(i.socket.Close(), i.lock.Unlock()); err != nil {
		t.Fatal(err)
	}
	claim(t, dir)
	if _, err := os.Lstat(filepath.Dir(i.path)); !os.IsNotExist(err) {
		t.Errorf("%s stayed: %v", i.path, err)
	}
}

// TestXP5_WordsForASocketThatFails: each failure has its own sentence.
func TestXP5_WordsForASocketThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string, i *Instance)
		want  string
	}{
		"nobody ever ran here": {func(t *testing.T, dir string, i *Instance) { i.Close(); os.Remove(filepath.Join(dir, lockName)) }, "clawtray is not running"},
		"it has ended":         {func(t *testing.T, dir string, i *Instance) { i.Close() }, "clawtray is not running"},
		"somebody removed it":  {func(t *testing.T, dir string, i *Instance) { os.Remove(i.path) }, ") is running, but somebody removed its socket"},
		"nobody listens":       {func(t *testing.T, dir string, i *Instance) { i.socket.SetUnlinkOnClose(false); i.socket.Close() }, ") is running, but does not listen on its socket"},
		"it says nothing":      {func(t *testing.T, dir string, i *Instance) { os.Remove(i.path); os.Truncate(i.lockPath(), 1) }, "has not said where its socket is"},
		"it has none": {func(t *testing.T, dir string, i *Instance) {
			i.problem, i.path = errors.New("no sockets here"), ""
			i.tell()
		}, ") is running, but no command reaches it, because it has no socket: no sockets here"},
		"others may write": {func(t *testing.T, dir string, i *Instance) { os.Chmod(dir, 0o777) }, "other users can write to"},
		"the lock is a link": {func(t *testing.T, dir string, i *Instance) {
			os.Rename(i.lockPath(), dir+"/x")
			os.Symlink("x", i.lockPath())
		}, "clawtray.lock is not a plain file"},
		"the socket is a link": {func(t *testing.T, dir string, i *Instance) { os.Rename(i.path, dir+"/x"); os.Symlink("x", i.path) }, "control.sock is not a plain file"},
		"it breaks off": {func(t *testing.T, dir string, i *Instance) {
			go func() {
				if c, err := i.Accept(); err == nil {
					c.Close()
				}
			}()
		}, ") broke the connection off"},
		"it ends while we wait": {func(t *testing.T, dir string, i *Instance) {
			go func() {
				if c, err := i.Accept(); err == nil {
					i.Close()
					c.Close()
				}
			}()
		}, "clawtray ended before it had answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // some wait for a clawtray that may be beginning
			dir := short(t)
			i, err := Claim(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer i.Close()
			c.spoil(t, dir, i)
			if err := report(t, dir); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "http://") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestXP5_Interrupted: the error is that of the caller's context, whatever the
// connection says.
func TestXP5_Interrupted(t *testing.T) {
	dir := short(t)
	i := claim(t, dir)
	ctx, interrupt := context.WithCancel(t.Context())
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, _ := i.Accept()
		accepted <- conn
		interrupt()
	}()
	c := NewClient(dir)
	defer c.Close()
	if _, err := c.Do(ctx, supervisor.Request{Intent: supervisor.Stop}); !errors.Is(err, context.Canceled) || err.Error() != context.Canceled.Error() {
		t.Errorf("got %v", err)
	}
	(<-accepted).Close()
}

// TestXP7_ALostSocketIsMadeAnew: a socket that was removed is made again, and so is the lock
// file, before a second clawtray locks a new one.
func TestXP7_ALostSocketIsMadeAnew(t *testing.T) {
	for name, lose := range map[string]func(dir string) error{
		"the socket":   func(dir string) error { return os.Remove(filepath.Join(dir, socketName)) },
		"the lock":     func(dir string) error { return os.Remove(filepath.Join(dir, lockName)) },
		"all of it":    os.RemoveAll,
		"another file": func(dir string) error { return os.Rename(filepath.Join(dir, lockName), filepath.Join(dir, socketName)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(short(t), "state")
			i := claim(t, dir)
			answers(t, i)
			if done, err := i.Mend(); done != "" || err != nil {
				t.Errorf("while all is well: %q, %v", done, err)
			}
			if err := lose(dir); err != nil {
				t.Fatal(err)
			}
			if done, err := i.Mend(); done == "" || err != nil {
				t.Errorf("afterwards: %q, %v", done, err)
			}
			if err := report(t, dir); err != nil {
				t.Error(err)
			}
			if _, err := Claim(dir); !errors.Is(err, ErrRunning) {
				t.Errorf("a second one: %v", err)
			}
		})
	}
}

// TestXP7_AFullDisk: the lock file is empty, and commands find the socket all the same.
func TestXP7_AFullDisk(t *testing.T) {
	dir := short(t)
	i := claim(t, dir)
	answers(t, i)
	if err := os.Truncate(i.lockPath(), 0); err != nil {
		t.Fatal(err)
	}
	if err := report(t, dir); err != nil {
		t.Error(err)
	}
}

// TestXP7_KeepMendsWhenAskedTo: after LookAgain, Keep makes again what is missing, and logs it.
func TestXP7_KeepMendsWhenAskedTo(t *testing.T) {
	dir := short(t)
	i := claim(t, dir)
	answers(t, i)
	ctx, stop := context.WithCancel(context.Background())
	var log strings.Builder
	over := make(chan struct{})
	go func() {
		defer close(over)
		i.Keep(ctx, slog.New(slog.NewTextHandler(&log, nil)))
	}()
	if err := os.Remove(i.Addr().String()); err != nil {
		t.Fatal(err)
	}
	i.LookAgain()
	if err := report(t, dir); err != nil { // it waits for the new socket
		t.Error(err)
	}
	stop()
	<-over
	if strings.Count(log.String(), "lost=socket") != 1 {
		t.Errorf("the log has %s", log.String())
	}
}

// TestXP9_AFailedClaimFreesTheLock: wherever Claim fails, the lock is free afterwards.
func TestXP9_AFailedClaimFreesTheLock(t *testing.T) {
	dir := short(t)
	t.Setenv("XDG_RUNTIME_DIR", "")
	full := filepath.Join(dir, socketName, "full")
	if err := os.MkdirAll(full, 0o700); err != nil { // such a folder cannot be removed
		t.Fatal(err)
	}
	if i, err := Claim(dir); err == nil { // the socket is elsewhere
		i.Close()
	}
	if err := os.RemoveAll(filepath.Dir(full)); err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(dir); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// TestXS4_LinksAreRefused: whoever made a link would choose the file that we write.
func TestXS4_LinksAreRefused(t *testing.T) {
	for name, at := range map[string]string{"the lock": "state/" + lockName, "the log": "state/clawtray.log", "the folder": "state"} {
		t.Run(name, func(t *testing.T) {
			root := short(t)
			target := filepath.Join(root, "precious")
			if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			if at == "state" {
				target = short(t)
			} else if err := os.Mkdir(filepath.Join(root, "state"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(target, filepath.Join(root, at)); err != nil {
				t.Fatal(err)
			}
			i, err := Claim(filepath.Join(root, "state"))
			if err == nil {
				i.Close()
				t.Fatal("it was claimed")
			}
			if !strings.Contains(err.Error(), filepath.Join(root, at)) {
				t.Error(err)
			}
			if at != "state" {
				if text, _ := os.ReadFile(target); string(text) != "precious" {
					t.Errorf("the file became %q", text)
				}
			}
		})
	}
}

// TestXS4_APublicParent: in such a folder every user could replace our folder by another.
func TestXS4_APublicParent(t *testing.T) {
	root := short(t)
	if err := os.Chmod(root, 0o777); err != nil {
		t.Fatal(err)
	}
	if i, err := Claim(filepath.Join(root, "clawtray")); err == nil {
		i.Close()
		t.Error("it was claimed")
	}
	if err := os.Chmod(root, 0o777|os.ModeSticky); err != nil { // as /tmp
		t.Fatal(err)
	}
	claim(t, filepath.Join(root, "clawtray"))
}
