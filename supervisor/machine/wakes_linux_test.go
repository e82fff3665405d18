package machine

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"clawtray/packaging/needs"
	"clawtray/packaging/outside"

	"github.com/godbus/dbus/v5"
)

// systemBus starts a system bus of our own and makes it this process's.
func systemBus(t *testing.T) (address string) {
	t.Helper()
	needs.Tools(t, "dbus-daemon")
	dir, err := os.MkdirTemp("", "bus-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	bus, err := outside.StartBus(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Stop)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.Address)
	return bus.Address
}

func TestF3_LogindTellsOfTheWake(t *testing.T) {
	address := systemBus(t)
	logind, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer logind.Close()
	if _, err := logind.RequestName("org.freedesktop.login1", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	stranger, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	ctx, stop := context.WithCancel(t.Context())
	woke, ready := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(woke)
		tellWakes(ctx, woke, func() { close(ready) })
	}()
	<-ready
	say := func(conn *dbus.Conn, args ...any) {
		if err := conn.Emit("/org/freedesktop/login1", "org.freedesktop.login1.Manager.PrepareForSleep", args...); err != nil {
			t.Fatal(err)
		}
	}
	say(stranger, false) // anybody may send anything
	say(logind, true)    // it goes to sleep
	say(logind)          // nonsense
	say(logind, "false")
	say(logind, false)
	if _, ok := <-woke; !ok {
		t.Fatal("the wake was not told")
	}
	stop()
	if _, more := <-woke; more {
		t.Error("something else than the wake was told")
	}
}

func TestF3_WithoutASystemBusTheClockTells(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	if _, more := <-watchSleep(t.Context()); more {
		t.Error("a wake without a bus")
	}
}
