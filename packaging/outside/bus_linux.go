package outside

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// busConfig lets every program do everything, also listen to others. The services of the
// machine are only started where asked for.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>%s
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

// Bus is a D-Bus of its own, with the program dbus-daemon.
type Bus struct {
	Address string
	daemon  *exec.Cmd
}

// StartBus starts a bus whose socket is in dir. The path of dir must be short, because that
// of a socket has at most 107 bytes. With an environment, the bus also starts the machine's
// services in it.
func StartBus(dir string, services []string) (*Bus, error) {
	socket, config, more := filepath.Join(dir, "bus"), filepath.Join(dir, "bus.conf"), ""
	if services != nil {
		more = "<standard_session_servicedirs/>"
	}
	if err := os.WriteFile(config, fmt.Appendf(nil, busConfig, socket, more), 0o600); err != nil {
		return nil, err
	}
	_ = os.Remove(socket)                                                                                                                // of an earlier bus that was killed
	b := &Bus{"unix:path=" + socket, exec.Command("dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address")} // #nosec G204 -- a fixed program
	b.daemon.Env = services
	out, err := b.daemon.StdoutPipe()
	if err == nil {
		err = b.daemon.Start()
	}
	if err != nil {
		return nil, err
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // it prints the address when it listens
		b.Stop()
		return nil, fmt.Errorf("dbus-daemon does not come up: %w", err)
	}
	return b, nil
}

// Stop kills the bus, as when a session crashes.
func (b *Bus) Stop() {
	_ = b.daemon.Process.Kill()
	_ = b.daemon.Wait()
}
