package control

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"clawtray/packaging/needs"
)

// nobody is the user id of the stranger.
const nobody = 65534

// asNobody runs f as another user, which only root can. Linux keeps the user of
// each thread, so the rest of the test is still root.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	needs.Root(t)
	become := func(uid int) {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			t.Fatal(errno)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	become(nobody)
	defer become(0)
	f()
}

// TestXS4_AStrangerIsNotAnswered: another user gets no answer, even when that user can open
// the socket.
func TestXS4_AStrangerIsNotAnswered(t *testing.T) {
	dir := short(t)
	i := claim(t, dir)
	answers(t, i)
	for _, path := range []string{dir, i.path} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	var conn net.Conn
	asNobody(t, func() {
		var err error
		if conn, err = net.Dial("unix", i.path); err != nil {
			t.Fatal(err)
		}
	})
	defer conn.Close()
	io.WriteString(conn, "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if got, err := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("it got %q, %v", got, err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := report(t, dir); err != nil {
		t.Errorf("we ourselves: %v", err)
	}
}

// TestXS4_AStrangersSocketIsNotBelieved: a socket of another user is not used, wherever the
// lock file says that the socket is.
func TestXS4_AStrangersSocketIsNotBelieved(t *testing.T) {
	for name, spoil := range map[string]func(theirs string) error{
		"in the stranger's folder": func(string) error { return nil },
		"in a folder of ours":      func(theirs string) error { return os.Chown(filepath.Dir(theirs), 0, 0) },
		"in a folder of ours, as a file of ours": func(theirs string) error {
			return errors.Join(os.Chown(filepath.Dir(theirs), 0, 0), os.Chown(theirs, 0, 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, shared := short(t), short(t)
			if err := os.Chmod(shared, 0o777); err != nil {
				t.Fatal(err)
			}
			theirs := filepath.Join(shared, "theirs", socketName)
			var l net.Listener
			asNobody(t, func() {
				err := os.Mkdir(filepath.Dir(theirs), 0o700)
				if err == nil {
					l, err = net.Listen("unix", theirs)
				}
				if err != nil {
					t.Fatal(err)
				}
			})
			defer l.Close()
			if err := spoil(theirs); err != nil {
				t.Fatal(err)
			}
			i := claim(t, dir)
			if err := writeOwner(i.lockPath(), Owner{PID: 1, Socket: theirs}); err != nil {
				t.Fatal(err)
			}
			if err := report(t, dir); err == nil || !strings.Contains(err.Error(), "nobody") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestXS4_AStrangersFolder: a folder of another user is not used as our state folder, as the
// folder around it, or for the socket.
func TestXS4_AStrangersFolder(t *testing.T) {
	shared := short(t)
	if err := os.Chmod(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(shared, "theirs")
	asNobody(t, func() {
		if err := os.MkdirAll(filepath.Join(theirs, "clawtray"), 0o777); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.Chmod(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{theirs, filepath.Join(theirs, "clawtray"), filepath.Join(theirs, "new")} {
		i, err := Claim(dir)
		if err == nil {
			i.Close()
			t.Errorf("%s was claimed", dir)
			continue
		}
		if !strings.Contains(err.Error(), "nobody") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", theirs)
	i := claim(t, filepath.Join(short(t), strings.Repeat("deep/", 30)))
	if path := i.Addr().String(); path == "" || strings.HasPrefix(path, theirs) {
		t.Errorf("the socket is %q", path)
	}
}

// TestXP5_YouMayNotLook: a command of another user says that it cannot know whether clawtray
// is running.
func TestXP5_YouMayNotLook(t *testing.T) {
	dir := short(t)
	claim(t, dir)
	asNobody(t, func() {
		if _, err := dial(t.Context(), dir); err == nil || !strings.HasPrefix(err.Error(), "you may not read "+dir) {
			t.Errorf("got %v", err)
		}
	})
}

// TestXS4_ASharedFolder: the socket is ours, but others could put another in its place.
func TestXS4_ASharedFolder(t *testing.T) {
	dir, shared := short(t), short(t)
	path := filepath.Join(shared, socketName)
	l, err := net.Listen("unix", path)
	if err == nil {
		defer l.Close()
		err = os.Chmod(shared, 0o777)
	}
	i := claim(t, dir)
	if err := errors.Join(err, writeOwner(i.lockPath(), Owner{PID: 1, Socket: path})); err != nil {
		t.Fatal(err)
	}
	if err := report(t, dir); err == nil || !strings.Contains(err.Error(), "other users can write to "+shared) {
		t.Errorf("got %v", err)
	}
}

// TestXS4_AStrangersFileInOurFolder, put there while the folder was open to others, is
// not believed: it could be the token, the run file or the memory of where Node is.
func TestXS4_AStrangersFileInOurFolder(t *testing.T) {
	dir := short(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	planted := filepath.Join(dir, "gateway-token")
	asNobody(t, func() {
		if err := os.WriteFile(planted, []byte("known-to-a-stranger"), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	if i, err := Claim(dir); err == nil || !strings.Contains(err.Error(), planted+" belongs to ") {
		t.Errorf("claimed %v, %v", i, err)
	}
}
