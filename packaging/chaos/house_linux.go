package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"clawtray/packaging/outside"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
)

// guestToken is what the second user's gateway asks for.
const guestToken = "a-token-of-the-user"

// patience bounds the wait for one thing. It is no expectation: a busy machine
// takes minutes for what an idle one does in seconds.
const patience = 15 * time.Minute

// runtime is a Node and an OpenClaw.
type runtime struct{ node, entry string }

// house is one user: a home, a port, a clawtray, and what the user wrote.
type house struct {
	home    string
	port    int
	env     []string
	program string // clawtray's file
	runtime runtime
	mounted bool // the home is a disk of its own
	config  []byte
	token   string // in config
	decoys  []*exec.Cmd
	thief   net.Listener
	guest   *guestGateway // nil: clawtray starts the gateway
	session
}

// session is what a house has running for clawtray.
type session struct {
	clawtray *exec.Cmd
	ended    chan struct{} // closed when clawtray's process has ended
	desktop  *desktop      // nil: clawtray runs without one
	client   *control.Client
	rested   supervisor.Status // when the last fault was over
	observer
}

// settle makes the two users and waits until both gateways run.
func settle(ctx context.Context, program string, r runtime, dir string) (houses []*house, err error) {
	program, err = filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	failed := make([]error, 2)
	var both sync.WaitGroup
	for user, name := range []string{owner: "owner", guest: "guest"} {
		h, err := newHouse(program, r, filepath.Join(dir, name), filepath.Join(dir, "cache"))
		if h != nil {
			houses = append(houses, h)
		}
		if failed[user] = err; err == nil {
			both.Go(func() { failed[user] = h.moveIn(ctx, who(user)) })
		}
	}
	both.Wait()
	return houses, errors.Join(failed...)
}

// moveIn starts what a user has, and clawtray last.
func (h *house) moveIn(ctx context.Context, user who) (err error) {
	if user == guest {
		err = h.invite(ctx)
	} else if _, missing := exec.LookPath("dbus-daemon"); missing == nil {
		h.desktop = &desktop{dir: h.home, server: new(toasts)}
		err = h.desktop.start()
	}
	if err = errors.Join(err, h.decoy()); err != nil {
		return err
	}
	if err := h.start(ctx); err != nil {
		return err
	}
	if _, err := h.until(ctx, 0, running); err != nil {
		return err
	}
	return h.write()
}

// newHouse makes an empty home, on a small disk of its own where that is allowed.
func newHouse(program string, r runtime, home, cache string) (*house, error) {
	port, err := outside.FreePort()
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	h := &house{home: home, port: port, program: program, session: session{client: control.NewClient(filepath.Join(home, ".local/state/clawtray"))}}
	h.mounted = syscall.Mount("tmpfs", home, "tmpfs", 0, "size=256m,mode=700") == nil
	// The gateway's own compile cache is not what fills the disk, and both users share it.
	h.env = append(outside.Env(os.Environ(), home), "XDG_CACHE_HOME="+cache)
	// OpenClaw is reached through a link, so that it can be moved away from this user alone.
	packages := filepath.Dir(filepath.Dir(filepath.Dir(r.entry)))
	h.runtime = runtime{r.node, filepath.Join(h.runtimeLink(), strings.TrimPrefix(r.entry, packages))}
	settings := fmt.Sprintf("port = %d\nnode = %q\nopenclaw = %q\n", port, h.runtime.node, h.runtime.entry)
	return h, errors.Join(os.Symlink(packages, h.runtimeLink()), outside.WriteHome(home, map[string]string{".config/clawtray/clawtray.toml": settings}))
}

func (h *house) runtimeLink() string { return filepath.Join(h.home, "openclaw") }
func (h *house) configPath() string  { return filepath.Join(h.home, ".openclaw/openclaw.json") }
func (h *house) stateDir() string    { return filepath.Join(h.home, ".local/state/clawtray") }

// write puts a configuration in place of what the first start made, as a user who
// then sets it up would. From here on these bytes are the user's.
func (h *house) write() error {
	if h.guest != nil {
		return nil
	}
	h.token = "chaos-token-first"
	h.config = fmt.Appendf(nil, "{\n  // the user's own words\n  \"gateway\": {\"mode\": \"local\", \"auth\": {\"mode\": \"token\", \"token\": \"%s\"}}\n}\n", h.token)
	return replace(h.configPath(), h.config)
}

// start starts clawtray, and follows what it says from the first moment on.
func (h *house) start(ctx context.Context) error {
	out, err := os.OpenFile(filepath.Join(h.home, "output"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	var args []string
	if h.desktop == nil {
		args = []string{"--headless"}
	}
	cmd, ended := exec.Command(h.program, args...), make(chan struct{})
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, out, out
	if h.desktop != nil {
		cmd.Env = append(cmd.Env, "DBUS_SESSION_BUS_ADDRESS="+h.desktop.bus.Address)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	h.clawtray, h.ended = cmd, ended
	go func() {
		_ = cmd.Wait() // how it ended is in its state
		close(ended)
	}()
	go h.observe(ctx, h.home, h.client, ended)
	return nil
}

// command runs a command of clawtray, and returns what it said and its exit code;
// -1 when it did not end by itself.
func (h *house) command(ctx context.Context, args ...string) (string, int) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.program, args...)
	cmd.Env = h.env
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return err.Error(), -1
	}
	return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
}

// decoy starts processes that look like gateways and are not clawtray's: one by its
// title, one by the mark of another run, too. Whatever happens, they live.
func (h *house) decoy() error {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		return err
	}
	for _, env := range [][]string{{"HOME=" + h.home}, {"HOME=" + h.home, "CLAWTRAY_RUN_ID=of-somebody-else"}} {
		cmd := &exec.Cmd{Path: sleep, Args: []string{"openclaw-gateway", "infinity"}, Env: env, Dir: h.home}
		if err := cmd.Start(); err != nil {
			return err
		}
		h.decoys = append(h.decoys, cmd)
	}
	return nil
}

// wait looks again and again until something is as it should be.
func wait(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("never came: %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// log is what clawtray has logged.
func (h *house) log() []byte {
	text, _ := os.ReadFile(filepath.Join(h.stateDir(), "clawtray.log")) // none yet
	return text
}

// lastLog is the end of clawtray's log.
func (h *house) lastLog() string {
	lines := strings.Split(string(h.log()), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// close ends what the house has started, whatever state it is in.
func (h *house) close() {
	if h.clawtray != nil {
		_ = h.clawtray.Process.Signal(syscall.SIGTERM)
		<-h.ended
	}
	for _, pid := range h.marked() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for _, d := range h.decoys {
		_ = d.Process.Kill()
		_ = d.Wait()
	}
	if h.guest != nil {
		_ = h.guest.kill()
		h.guest.listener.Close()
	}
	if h.desktop != nil && h.desktop.bus != nil {
		h.desktop.end()
	}
	if h.mounted {
		_ = syscall.Unmount(h.home, syscall.MNT_DETACH)
	}
}

// guestGateway is a gateway that the user has started, behind a proxy.
type guestGateway struct {
	process  *exec.Cmd
	port     int
	proxy    outside.Proxy
	listener net.Listener
}

// invite starts the user's gateway and the proxy on the port that clawtray knows.
func (h *house) invite(ctx context.Context) error {
	port, err := outside.FreePort()
	if err != nil {
		return err
	}
	g := &guestGateway{port: port}
	if g.listener, err = net.Listen("tcp", outside.Address(h.port)); err != nil {
		return err
	}
	if err := os.Mkdir(h.home+"-gateway", 0o700); err != nil {
		return err
	}
	h.guest = g
	h.env = append(h.env, "OPENCLAW_GATEWAY_TOKEN="+guestToken)
	go g.proxy.Serve(g.listener, outside.Address(port))
	return g.start(ctx, h)
}

func (g *guestGateway) start(ctx context.Context, h *house) error {
	g.process = exec.Command(h.runtime.node, h.runtime.entry, "gateway", "--port", strconv.Itoa(g.port), "--bind", "loopback", "--allow-unconfigured")
	// Its state is elsewhere, or clawtray would find out there where it listens, and pass the proxy by.
	g.process.Env = append(h.env, "HOME="+h.home+"-gateway", "OPENCLAW_NO_RESPAWN=1", "OPENCLAW_DISABLE_BONJOUR=1")
	if err := g.process.Start(); err != nil {
		return err
	}
	return wait(ctx, "the user's gateway is ready", func() bool {
		resp, err := http.Get(fmt.Sprintf("http://%s/readyz", outside.Address(g.port)))
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (g *guestGateway) kill() error {
	err := g.process.Process.Kill()
	_ = g.process.Wait() // it was killed
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
