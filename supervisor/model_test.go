package supervisor

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
)

var (
	modelSeed  = flag.Uint64("model.seed", 0, "replay one life of the model test")
	modelSteps = flag.Int("model.steps", 0, "steps of the model test; 0 is 100,000, or 10,000 with the race detector")
)

// modelLife is how many steps one supervisor lives.
const modelLife = 250

// TestModel plays random lives: intents, faults of the gateway and of the network, and
// time, in any sequence. After each step, the invariants must hold. A failure names its
// seed: go test ./supervisor -run TestModel -model.seed N.
func TestModel(t *testing.T) {
	if *modelSeed != 0 {
		live(t, *modelSeed)
		return
	}
	if testing.Short() && *modelSteps == 0 {
		*modelSteps = 2 * modelLife
	}
	steps := *modelSteps
	if steps == 0 {
		steps = 100_000
		if raceEnabled {
			steps = 10_000
		}
	}
	first := rand.Uint64N(1 << 40)
	t.Logf("%d lives of %d steps, seeds from %d", steps/modelLife, modelLife, first)
	for i := range uint64(steps / modelLife) {
		t.Run(fmt.Sprint(first+i), func(t *testing.T) {
			t.Parallel()
			live(t, first+i)
		})
	}
}

// model is one random life.
type model struct {
	*scene
	dice
	seed    uint64
	calm    atomic.Bool // no more faults happen
	disk    *disk       // the gateways' configuration
	remote  bool        // the gateway is on another machine
	pending sync.WaitGroup
	log     []string

	unanswered atomic.Int64 // requests of pending
}

func live(t *testing.T, seed uint64) {
	m := &model{seed: seed, disk: newDisk(), dice: dice{rand.New(rand.NewPCG(seed, 1))}}
	machine := func(t *testing.T) *fakeHost {
		h := newFakeHost(t, m.behaviour)
		if m.chance(10) {
			m.remote = true
			h.config.Mode.Value = "remote"
			h.config.Remote = openclaw.Remote{URL: "ws://" + remoteAddr, Token: openclaw.KnownSecret(testToken, "the test")}
			h.remote = gatewaytest.New(gatewaytest.Config{Token: testToken})
		}
		return h
	}
	play(t, machine, nil, func(s *scene) {
		m.scene = s
		defer func() {
			if t.Failed() {
				t.Logf("seed %d, the last steps: %q", seed, m.log[max(0, len(m.log)-20):])
			}
		}()
		for range modelLife {
			if m.IntN(4*modelLife) == 0 { // sometimes in the middle of a life
				m.quit()
				return
			}
			m.step()
			synctest.Wait()
			m.check()
			if t.Failed() {
				return
			}
		}
		if m.chance(20) {
			m.quit()
		} else {
			m.converge()
		}
	})
}

// dice makes the random choices for one part of a life.
type dice struct{ *rand.Rand }

func (d dice) chance(percent int) bool            { return d.IntN(100) < percent }
func (d dice) span(t time.Duration) time.Duration { return time.Duration(d.Int64N(int64(t))) }

// behaviour returns the behaviour of the nth launch. Each launch has its own dice, because
// launches come from another goroutine and a repeated run must not depend on their time.
func (m *model) behaviour(n int) behaviour {
	d := dice{rand.New(rand.NewPCG(m.seed, uint64(n)+2))}
	// The times are short, because a start is checked twenty times per second.
	b := behaviour{listen: d.span(2 * time.Second), sidecars: d.span(300 * time.Millisecond), stop: d.span(2 * time.Second), restarts: true}
	if m.calm.Load() {
		return b
	}
	if d.chance(50) {
		b.setup = m.disk.on
	}
	b.ignoreTerm = d.chance(10)
	b.unkillable = d.chance(3)
	b.socketStays = d.chance(10)
	if d.chance(10) {
		b.dying = d.span(2 * killWait)
	}
	if d.chance(5) {
		b.flaps = 1 + d.span(time.Minute)
	}
	b.remains = d.IntN(3)
	if d.chance(10) {
		b.putAway = d.span(time.Second)
	}
	b.gateway.Protocol = 4 - d.IntN(2)
	exits := []Exit{{}, {Code: 1}, {Code: 78}, {Code: -1, Signal: "SIGKILL"}}
	switch d.IntN(10) {
	case 0:
		b.dies, b.exit = 1+d.span(4*time.Second), exits[d.IntN(len(exits))]
	case 1:
		b.listen = d.span(15 * time.Minute)
	case 2:
		b.sidecars = d.span(15 * time.Minute)
	case 3:
		b.lines = []string{"another OpenClaw process owns gateway-lifecycle", "listen EADDRINUSE", "Config invalid"}[d.IntN(3):]
		b.listen, b.dies, b.exit = time.Hour, 1+d.span(time.Second), Exit{Code: 78}
	}
	return b
}

// step does one random thing.
func (m *model) step() {
	switch n := m.IntN(10); {
	case n < 4:
		d := []time.Duration{0, 10 * time.Millisecond, time.Second, 10 * time.Second, time.Minute}[m.IntN(5)]
		m.log = append(m.log, "pass "+d.String())
		time.Sleep(d)
	case n < 7:
		intents := []Intent{Start, Start, Stop, Restart, Restart, Reload, Retry, TakeOver, Install, LastGood, SafeStart, RestoreConfig}
		if m.chance(10) && !m.remote { // an earlier configuration, of a gateway here, appears or disappears
			m.machine(func(h *fakeHost) { h.lastGood, h.copied = h.copied, h.lastGood.Add(time.Second) })
		}
		m.intend(Request{Intent: intents[m.IntN(len(intents))], Now: m.chance(20), Automatic: m.chance(20)})
	default:
		m.fault()
	}
}

// intend sends a request. converge checks that it was answered.
func (m *model) intend(r Request) {
	m.log = append(m.log, fmt.Sprintf("%s now=%v automatic=%v", r.Intent, r.Now, r.Automatic))
	m.unanswered.Add(1)
	m.pending.Go(func() {
		defer m.unanswered.Add(-1)
		a, err := m.Do(m.t.Context(), r)
		if err == nil && (a.Result == "" || a.Message == "") {
			m.t.Errorf("%s was answered with nothing to show: %+v", r.Intent, a)
		}
		if err != nil && err.Error() == "" {
			m.t.Errorf("%s failed without saying why", r.Intent)
		}
	})
}

// fault makes something go wrong in the gateway, the network or the machine.
func (m *model) fault() {
	h := m.host
	h.mu.Lock()
	var p *fakeProcess
	if len(h.procs) > 0 {
		p = h.procs[len(h.procs)-1]
	}
	stranger := h.stranger
	h.mu.Unlock()
	kind := m.IntN(30)
	m.log = append(m.log, fmt.Sprintf("fault %d", kind))
	switch {
	case kind == 0:
		m.Woke()
	case kind == 1 && stranger == nil && (p == nil || !p.alive()):
		h.arrive().SetStarting(m.chance(30))
	case kind == 2 && stranger != nil:
		m.host.leave()
	case kind == 29 && h.isOccupied(testPort):
		h.occupy(nil)
	case kind == 29 && stranger == nil && (p == nil || !p.alive()):
		h.occupy(&Listener{PID: m.IntN(2) * 4711, Name: "nginx"})
	case kind == 16:
		m.machine(func(h *fakeHost) { h.hangs = !h.hangs })
	case kind == 17:
		m.machine(func(h *fakeHost) {
			if h.deaf == nil {
				h.deaf = errors.New("too many open files")
			} else {
				h.deaf = nil
			}
		})
	case kind == 18:
		errs := []error{nil, &machine.LaunchError{Kind: machine.Retry, Err: syscall.EAGAIN}, &machine.LaunchError{Kind: machine.DiskFull, Err: syscall.ENOSPC}, errors.New("denied")}
		err := errs[m.IntN(len(errs))]
		m.machine(func(h *fakeHost) { h.refusal = func(int) error { return err } })
	case kind == 20:
		problems := []error{nil, broken(openclaw.ConfigBroken, time.Now()), broken(openclaw.ConfigUnreadable, time.Time{}), broken(openclaw.ConfigEmpty, longAgo)}
		if m.remote { // an empty configuration no longer says so, and a person may have a gateway started here
			problems = problems[:3]
		}
		m.host.spoil(problems[m.IntN(len(problems))])
	case kind == 21:
		errs := []error{nil, errors.New("belongs to another user")}
		err := errs[m.IntN(len(errs))]
		m.machine(func(h *fakeHost) { h.distrust = err })
	case kind == 22:
		lag := []time.Duration{0, 0, m.span(200 * time.Millisecond), m.span(3 * time.Second)}[m.IntN(4)]
		m.machine(func(h *fakeHost) { h.lag = lag })
	case kind == 23: // npm replaces the package for a while
		m.machine(func(h *fakeHost) { h.npm = again(h.npm) })
	case kind == 24: // doctor takes its time
		m.machine(func(h *fakeHost) { h.doctor = again(h.doctor) })
	case kind == 25: // looks at what remains fail
		m.machine(func(h *fakeHost) { h.blind = m.IntN(3) })
	case kind == 26: // OpenClaw is gone, or there again
		gone := []error{nil, nil, &openclaw.MissingError{Kind: openclaw.OpenClawMissing, Sentence: "no OpenClaw"}, errors.New("too many open files")}
		err := gone[m.IntN(len(gone))]
		m.machine(func(h *fakeHost) { h.missing = err })
	case kind == 1 && m.remote:
		m.elsewhere(nil)
	case kind == 2 && m.remote:
		m.elsewhere(gatewaytest.New(gatewaytest.Config{Token: testToken, Starting: m.chance(30)}))
	case p == nil || !p.alive():
		m.trouble(kind, cmp.Or(stranger, m.host.remote))
	case kind == 27:
		p.shut()
	case kind == 3:
		p.finish(Exit{Code: m.IntN(2)})
	case kind == 4:
		p.finish(Exit{Code: -1, Signal: "SIGKILL"})
	case kind == 7:
		p.mu.Lock()
		p.stopped = !p.stopped
		silent := p.stopped
		p.mu.Unlock()
		p.gw.Silence(silent)
	case p.isStopped(): // a stopped process can do nothing
	case kind == 10:
		p.say("error: the same again", "something else", strings.Repeat("x", 500))
	case kind == 15:
		m.disk.set(func() { m.disk.issue = []string{"", "", "Unrecognized key"}[m.IntN(3)] })
		m.edit(m.disk, fmt.Sprint("v", m.IntN(9)))
	case kind == 19:
		token := fmt.Sprintf("rotated-token-%08x", m.IntN(1<<30))
		m.machine(func(h *fakeHost) { h.token = token })
		p.gw.SetToken(token)
		p.gw.CloseAll(4001, "gateway auth changed")
	default:
		m.trouble(kind, p.gw)
	}
}

// elsewhere replaces the gateway on another machine; nil ends it.
func (m *model) elsewhere(gw *gatewaytest.Gateway) {
	m.host.mu.Lock()
	gone := m.host.remote
	m.host.remote = gw
	m.host.mu.Unlock()
	if gone != nil {
		gone.Close()
	}
}

// trouble makes something go wrong in a gateway, whoever runs it. gw may be nil.
func (m *model) trouble(kind int, gw *gatewaytest.Gateway) {
	switch {
	case gw == nil:
	case kind == 28:
		gw.BreakAt([]string{"config.get", "secrets.reload", restartMethod, "health"}[m.IntN(4)])
		m.intend(Request{Intent: []Intent{Restart, Reload}[m.IntN(2)]})
	case kind == 5:
		gw.CloseAll([]int{1000, 1006, 1008, 1009, 1012, 1013}[m.IntN(6)], "")
	case kind == 6:
		gw.Restart()
	case kind == 8:
		gw.SetToken([]string{testToken, "another"}[m.IntN(2)])
	case kind == 9:
		gw.Shutdown(0)
	case kind == 11:
		gw.Emit([]string{"never.heard.of", "health", "shutdown", "config.changed"}[m.IntN(4)], []any{nil, "nonsense", 1, map[string]any{"channels": 7}}[m.IntN(4)])
	case kind == 12:
		gw.SetDraining(m.chance(30))
	case kind == 13:
		gw.IgnorePings(m.chance(50))
	case kind == 14:
		gw.Suppress([]string{"telegram", "slack"}[:m.IntN(3)]...)
	}
}

// again ends what goes on, or begins it.
func again(c chan struct{}) chan struct{} {
	if c == nil {
		return make(chan struct{})
	}
	close(c)
	return nil
}

// machine changes what the machine does.
func (m *model) machine(change func(*fakeHost)) {
	m.host.mu.Lock()
	defer m.host.mu.Unlock()
	change(m.host)
}

// quit ends the life with a Quit or a logout. That must not take longer than its limit
// (BEHAVIOUR C4), and all requests must be answered. Only processes that nothing can end
// may be left.
func (m *model) quit() {
	p := DefaultPolicy()
	r, most := Request{Intent: Quit, Now: m.chance(30)}, p.QuitLimit
	if m.chance(50) {
		r.Cause, most = Cause{Code: SessionEnd}, p.LogoutLimit
	}
	m.log = append(m.log, fmt.Sprintf("quit within %v", most))
	began := time.Now()
	a, err := m.Do(m.t.Context(), r)
	stuck := causeOf(err) == CouldNotEnd
	if err != nil && !stuck || a.Message == "" {
		m.t.Errorf("quit: %+v, %v", a, err)
	}
	if took := time.Since(began); took > most {
		m.t.Errorf("quitting took %v", took)
	}
	if n := len(m.host.left()); n > 0 && !stuck {
		m.t.Errorf("%d descendants are left", n)
	}
	m.pending.Wait()
}

// check checks what must be true between any two steps. The fake machine itself checks that
// no second gateway is launched while one runs.
func (m *model) check() {
	st := m.Status()
	if st.State == Running && st.Mode == Managed && m.host.alive() == 0 {
		// Wait for sockets and output that stay open after the process has ended, and for a
		// slow disk.
		time.Sleep(2*lastWords + closing)
		synctest.Wait()
		st = m.Status()
	}
	switch {
	case st.State == Stopped && !st.Stopping() && st.Phase == Idle && m.host.alive() > 0 && st.Mode != Attached:
		m.t.Errorf("stopped, and a gateway of ours is alive: %+v", st)
	case m.remote && m.host.launches() > 0:
		m.t.Errorf("%d gateways were started here, and ours is on another machine: %+v", m.host.launches(), st)
	case m.stopped() && len(m.host.left()) > 0:
		m.t.Errorf("stopped, and %d descendants are alive: %+v", len(m.host.left()), st)
	case st.State == Running && st.Mode == Managed && m.host.alive() == 0:
		m.t.Errorf("running without a gateway: %+v", st)
	case st.State == Reconnecting && st.Phase == Waiting && st.NextRetryAt.IsZero():
		m.t.Errorf("waiting for nothing: %+v", st)
	case st.Phase != Draining && st.ActiveWork != 0, st.Phase != Draining && st.Phase != Terminating && !st.Deadline.IsZero():
		m.t.Errorf("a wait that is over: %+v", st)
	case st.State == Failed && st.Error != st.Cause.Error():
		m.t.Errorf("an older error: %+v", st)
	}
}

// stopped reports whether somebody has stopped the gateway and the stop is finished.
func (m *model) stopped() bool {
	st := m.Status()
	return st.State == Stopped && !st.Stopping() && st.Phase == Idle && st.Cause.Code == UserStop
}

// converge ends all faults. After that, a start must lead to a running gateway, and every
// request must have been answered.
func (m *model) converge() {
	m.calm.Store(true)
	m.host.leave()
	m.host.occupy(nil)
	if m.remote {
		m.elsewhere(gatewaytest.New(gatewaytest.Config{Token: testToken}))
	}
	m.machine(func(h *fakeHost) {
		h.hangs, h.deaf, h.refusal, h.problem, h.distrust, h.missing = false, nil, nil, nil, nil, nil
	})
	m.machine(func(h *fakeHost) {
		h.lag = 0
		for _, c := range []*chan struct{}{&h.npm, &h.doctor} {
			if *c != nil {
				*c = again(*c)
			}
		}
	})
	m.host.mu.Lock()
	for _, p := range m.host.procs {
		p.mu.Lock()
		p.b.unkillable, p.b.dying = false, 0
		p.mu.Unlock()
		if p.alive() {
			p.mu.Lock()
			p.stopped = false
			p.mu.Unlock()
			p.gw.Silence(false)
			if m.host.token != "" {
				p.gw.SetToken(m.host.token)
			} else {
				p.gw.SetToken(testToken)
			}
			p.gw.SetStarting(false)
			p.gw.SetDraining(false)
			p.gw.IgnorePings(false)
			p.gw.Suppress()
		}
	}
	m.host.mu.Unlock()
	m.disk.set(func() { m.disk.issue, m.disk.running = "", m.disk.onDisk })
	time.Sleep(30 * time.Minute)
	if n := m.unanswered.Load(); n > 0 {
		m.t.Errorf("%d requests without an answer, long after the last fault: %+v", n, m.Status())
	}
	if _, err := m.Do(m.t.Context(), Request{Intent: Stop}); err != nil {
		m.t.Errorf("stop: %v", err)
	}
	m.pending.Wait()
	m.start()
	time.Sleep(3 * time.Minute)
	if st := m.Status(); st.State != Running || st.Attempts != 0 || st.Health.Level != Healthy {
		m.t.Errorf("long after the last fault: %+v", st)
	}
}

// legal lists the states that may follow each state.
var legal = map[State][]State{
	Stopped:      {Starting, Failed}, // Failed when some process could not be ended
	Starting:     {Running, Failed, Stopped, Reconnecting},
	Running:      {Reconnecting, Stopped, Starting, Failed},
	Reconnecting: {Running, Failed, Stopped, Starting},
	Failed:       {Starting, Stopped, Reconnecting, Running},
}
