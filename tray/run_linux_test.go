package tray

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// L4: clawtray must not start a bus, because that would run longer than clawtray.
func TestL4_NoBusIsStarted(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	started := filepath.Join(dir, "started")
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte("#!/bin/sh\n: >"+started+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if conn, err := sharedSessionBus(t.Context()); err == nil { // there is a real bus
		conn.Close()
	}
	if _, err := os.Stat(started); !errors.Is(err, os.ErrNotExist) {
		t.Error("dbus-launch was run: ", err)
	}
}

// L4: a bus that accepts connections and never answers does not prevent clawtray from
// ending.
func TestL4_AHungBusDelaysNoEnd(t *testing.T) {
	address := filepath.Join(t.TempDir(), "bus")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+address)
	l, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, quit := context.WithCancel(t.Context())
	go func() {
		for range 2 { // the first connection only checks whether there is a bus
			conn, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
		}
		quit()
		<-t.Context().Done()
	}()
	if _, err := sharedSessionBus(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
