//go:build unix

package openclaw

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// N3: a cancelled installation ends npm and the processes that npm has started.
func TestN3_CancelledDuringNpm(t *testing.T) {
	s := newSite(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s.npm("exec 3>" + fifo + "\n(echo >&3; exec sleep 3600) &\nwait")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := s.install(ctx)
		done <- err
		if f, err := os.OpenFile(fifo, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			f.Close() // so that the test does not wait for ever when the installation has ended too early
		}
	}()
	alive, err := os.Open(fifo) // waits until npm has opened the other end
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	if _, err := alive.Read(make([]byte, 1)); err != nil { // npm's child has written one byte
		t.Error(err)
	}
	cancel()
	var failed *InstallError
	if err := <-done; !errors.As(err, &failed) || failed.Kind != Interrupted {
		t.Fatalf("error %v", err)
	}
	if _, err := io.ReadAll(alive); err != nil { // ends when the last process with the other end has ended
		t.Error(err)
	}
	if got := s.versions(); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}
