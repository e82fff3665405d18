package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawtray/supervisor/openclaw"
)

// XH9: when the system lacks something, another try helps; a full disk has its own kind; all
// other errors are final.
func TestXH9_LaunchErrorsAreSorted(t *testing.T) {
	for errno, want := range map[syscall.Errno]Kind{
		syscall.EAGAIN: Retry, syscall.ENOMEM: Retry, syscall.EMFILE: Retry, syscall.ENFILE: Retry, syscall.ETXTBSY: Retry,
		syscall.ENOSPC: DiskFull, syscall.EDQUOT: DiskFull,
		syscall.ENOENT: Final, syscall.EACCES: Final, syscall.EPERM: Final, syscall.ENOEXEC: Final, syscall.EROFS: Final,
	} {
		err := launchError(fmt.Errorf("%w (about the executable)", &os.PathError{Op: "fork/exec", Path: "/usr/bin/node", Err: errno}))
		var e *LaunchError
		if !errors.As(err, &e) || e.Kind != want || !errors.Is(err, errno) || !strings.Contains(err.Error(), "about the executable") {
			t.Errorf("%v: %#v", errno, err)
		}
	}
	if launchError(nil) != nil {
		t.Error("no error is one")
	}
}

func TestXH9_NodeIsBeingReplaced(t *testing.T) {
	program, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	node, err := os.OpenFile(filepath.Join(tempDir(t), "node"), os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	if _, err := io.Copy(node, program); err != nil {
		t.Fatal(err)
	}
	dir := tempDir(t)
	_, err = starter(dir, testRun).start(openclaw.Command{Path: node.Name()})
	var e *LaunchError
	if !errors.As(err, &e) || e.Kind != Retry || !strings.Contains(err.Error(), node.Name()) {
		t.Errorf("a program that is being written: %#v", err)
	}
	_, err = starter(dir, testRun).start(openclaw.Command{Path: filepath.Join(dir, "none")})
	if !errors.As(err, &e) || e.Kind != Final {
		t.Errorf("no program: %#v", err)
	}
	_, err = starter(node.Name(), testRun).start(openclaw.Command{Path: node.Name()})
	if !errors.As(err, &e) || e.Kind != Final {
		t.Errorf("a state directory that is a file: %#v", err)
	}
}

// XH10: a pipe in the place of one of our files blocks nothing, although to open a pipe
// waits for its other end.
func TestXH10_Pipes(t *testing.T) {
	dir := tempDir(t)
	pipe := func(name string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pipe(stdoutName)
	pipe(stderrName)
	c, err := starter(dir, testRun).start(self("exits", testRun))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endChild(t, c) })
	hears(t, c, "the last words")

	pipe(".openclaw/openclaw.json")
	m := &Machine{Home: dir, Env: []string{"HOME=" + dir}}
	if _, err := m.Effective(t.Context()); err == nil {
		t.Error("a pipe is read as a configuration")
	}
}

// XH24: a system bus that exists and does not answer blocks nobody.
func TestXH24_ADeadBus(t *testing.T) {
	dir, err := os.MkdirTemp("", "bus-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	bus, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+bus.Addr().String())
	ctx, cancel := context.WithCancel(t.Context())
	woke := watchSleep(ctx)
	conn, err := bus.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if _, more := <-woke; more {
		t.Error("a wake from a dead bus")
	}
}

// XN3, XH6: when we give back the disk space of what was read, a child that writes all the
// time loses no line.
func TestXN3_NothingIsLostToTheCut(t *testing.T) {
	f := outputFile(t)
	reader, err := os.OpenFile(f.Name(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	const rounds, lines = 50, 2000
	next, done, ended := 0, make(chan struct{}), make(chan struct{})
	round := make(chan struct{}, rounds) // receives when the reader is at the start of one
	tl := &tail{file: reader, emit: func(s string) bool {
		if s != fmt.Sprint("line ", next) {
			return true
		}
		if next%lines == 0 {
			round <- struct{}{}
		}
		next++
		return true
	}}
	go func() {
		tl.run(done)
		close(ended)
	}()
	for i := range rounds * lines {
		if i >= 2*lines && i%lines == 0 {
			select {
			case <-round: // no further ahead: what is too far is skipped
			case <-time.After(patience):
				t.Fatal("a line is lost, and with it those after it")
			}
		}
		if i%lines == 0 { // so much that the space is given back, in no time
			info, err := f.Stat()
			if err == nil {
				err = f.Truncate(info.Size() + maxOutput)
			}
			if err != nil {
				t.Fatal(err)
			}
			f.WriteString("\n")
		}
		fmt.Fprintln(f, "line", i)
	}
	close(done)
	<-ended
	if next != rounds*lines {
		t.Errorf("%d lines of %d came in order", next, rounds*lines)
	}
}
