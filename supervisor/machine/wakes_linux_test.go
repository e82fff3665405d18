package machine

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/godbus/dbus/v5"
)

const privateBus = `<busconfig><type>system</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

// systemBus starts a system bus of our own and makes it this process's.
func systemBus(t *testing.T) (address string) {
	t.Helper()
	path, err := exec.LookPath("dbus-daemon")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("dbus-daemon is missing")
		}
		t.Skip("dbus-daemon is missing; it is in the package dbus-daemon or dbus")
	}
	dir, err := os.MkdirTemp("", "bus-") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket, config := filepath.Join(dir, "bus"), filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, privateBus, socket), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command(path, "--config-file="+config, "--nofork", "--nopidfile", "--print-address")
	out, err := daemon.StdoutPipe()
	if err == nil {
		err = daemon.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		daemon.Process.Kill()
		daemon.Wait()
		os.RemoveAll(dir)
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal("dbus-daemon does not come up: ", err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+socket)
	return "unix:path=" + socket
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
