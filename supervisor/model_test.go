package supervisor

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	modelSeed  = flag.Uint64("model.seed", 0, "replay one life of the model test")
	modelSteps = flag.Int("model.steps", 0, "steps of the model test; 0 is 100,000, or 10,000 with the race detector")
)

// modelLife is how many steps one supervisor lives through.
const modelLife = 250

// TestModel lives random lives: intents, faults of the gateway and of the
// network, and time, in any order. After each step the invariants must hold.
// A failure names its seed: go test ./supervisor -run TestModel -model.seed N.
func TestModel(t *testing.T) {
	if *modelSeed != 0 {
		live(t, *modelSeed)
		return
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

// model is one life.
type model struct {
	*scene
	dice
	seed    uint64
	calm    atomic.Bool // faults have ended
	disk    *disk       // what the gateways' configuration is
	pending sync.WaitGroup
	log     []string
}

func live(t *testing.T, seed uint64) {
	m := &model{seed: seed, disk: newDisk(), dice: dice{rand.New(rand.NewPCG(seed, 1))}}
	machine := func(t *testing.T) *fakeHost { return newFakeHost(t, m.behaviour) }
	play(t, machine, nil, func(s *scene) {
		m.scene = s
		defer func() {
			if t.Failed() {
				t.Logf("seed %d, the last steps: %q", seed, m.log[max(0, len(m.log)-20):])
			}
		}()
		for range modelLife {
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

// dice throws for one part of a life.
type dice struct{ *rand.Rand }

func (d dice) chance(percent int) bool            { return d.IntN(100) < percent }
func (d dice) span(t time.Duration) time.Duration { return time.Duration(d.Int64N(int64(t))) }

// behaviour is what the nth launch does. Each has dice of its own: launches come
// from another goroutine, and a replay must not depend on when.
func (m *model) behaviour(n int) behaviour {
	d := dice{rand.New(rand.NewPCG(m.seed, uint64(n)+2))}
	// Short as a rule: a start is looked at forty times a second.
	b := behaviour{listen: d.span(2 * time.Second), sidecars: d.span(300 * time.Millisecond), stop: d.span(2 * time.Second), restarts: true}
	if m.calm.Load() {
		return b
	}
	if d.chance(50) {
		b.setup = m.disk.on
	}
	b.ignoreTerm = d.chance(10)
	b.remains = d.IntN(3)
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
		intents := []Intent{Start, Start, Stop, Restart, Restart, Reload, Retry, TakeOver, Install}
		m.intend(Request{Intent: intents[m.IntN(len(intents))], Now: m.chance(20), Automatic: m.chance(20)})
	default:
		m.fault()
	}
}

// intend hands in a request; that it is answered is checked at the end.
func (m *model) intend(r Request) {
	m.log = append(m.log, fmt.Sprintf("%s now=%v automatic=%v", r.Intent, r.Now, r.Automatic))
	m.pending.Go(func() {
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
	kind := m.IntN(16)
	m.log = append(m.log, fmt.Sprintf("fault %d", kind))
	switch {
	case kind == 0:
		m.Woke()
	case kind == 1 && stranger == nil && (p == nil || !p.alive()):
		h.arrive()
	case kind == 2 && stranger != nil:
		m.host.leave()
	case p == nil || !p.alive():
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
	case p.isStopped(): // it can do nothing
	case kind == 5:
		p.gw.CloseAll([]int{1000, 1006, 1008, 1009, 1012, 1013}[m.IntN(6)], "")
	case kind == 6:
		p.gw.Restart()
	case kind == 8:
		p.gw.SetToken([]string{testToken, "another"}[m.IntN(2)])
	case kind == 9:
		p.gw.Shutdown(0)
	case kind == 10:
		p.say("error: the same again", "something else", strings.Repeat("x", 500))
	case kind == 11:
		p.gw.Emit([]string{"never.heard.of", "health", "shutdown", "config.changed"}[m.IntN(4)], []any{nil, "nonsense", 1, map[string]any{"channels": 7}}[m.IntN(4)])
	case kind == 12:
		p.gw.SetDraining(m.chance(30))
	case kind == 13:
		p.gw.IgnorePings(m.chance(50))
	case kind == 14:
		p.gw.Suppress([]string{"telegram", "slack"}[:m.IntN(3)]...)
	case kind == 15:
		m.disk.set(func() { m.disk.issue = []string{"", "", "Unrecognized key"}[m.IntN(3)] })
		m.edit(m.disk, fmt.Sprint("v", m.IntN(9)))
	}
}

// quit ends the life in the middle: it is bounded, and what was asked is answered.
func (m *model) quit() {
	m.log = append(m.log, "quit")
	began := time.Now()
	if a, err := m.Do(m.t.Context(), Request{Intent: Quit}); err != nil || a.Message == "" {
		m.t.Errorf("quit: %+v, %v", a, err)
	}
	if took := time.Since(began); took > DefaultPolicy().QuitLimit+2*time.Second {
		m.t.Errorf("quitting took %v", took)
	}
	if n := len(m.host.left()); n > 0 {
		m.t.Errorf("%d descendants are left", n)
	}
	m.pending.Wait()
}

// check holds what must be true between any two steps. That no second gateway is
// launched beside a living one is checked by the fake machine.
func (m *model) check() {
	st := m.Status()
	switch {
	case st.State == Stopped && !st.Stopping() && st.Phase == Idle && m.host.alive() > 0 && st.Mode != Attached:
		m.t.Errorf("stopped, and a gateway of ours is alive: %+v", st)
	case m.stopped() && len(m.host.left()) > 0:
		m.t.Errorf("stopped, and %d descendants are alive: %+v", len(m.host.left()), st)
	case st.State == Running && st.Mode == Managed && m.host.alive() == 0:
		m.t.Errorf("running without a gateway: %+v", st)
	case st.State == Reconnecting && st.Phase == Waiting && st.NextRetryAt.IsZero():
		m.t.Errorf("waiting for nothing: %+v", st)
	}
}

// stopped reports whether somebody has stopped the gateway, and it is done.
func (m *model) stopped() bool {
	st := m.Status()
	return st.State == Stopped && !st.Stopping() && st.Phase == Idle && st.Cause.Code == UserStop
}

// converge ends all faults: a start must then lead to a running gateway, and
// every request must have been answered.
func (m *model) converge() {
	m.calm.Store(true)
	m.host.leave()
	m.host.mu.Lock()
	for _, p := range m.host.procs {
		if p.alive() {
			p.mu.Lock()
			p.stopped = false
			p.mu.Unlock()
			p.gw.Silence(false)
			p.gw.SetToken(testToken)
			p.gw.SetStarting(false)
			p.gw.SetDraining(false)
			p.gw.IgnorePings(false)
			p.gw.Suppress()
		}
	}
	m.host.mu.Unlock()
	m.disk.set(func() { m.disk.issue, m.disk.running = "", m.disk.onDisk })
	time.Sleep(30 * time.Minute)
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

// legal lists the states that may follow a state.
var legal = map[State][]State{
	Stopped:      {Starting},
	Starting:     {Running, Failed, Stopped, Reconnecting},
	Running:      {Reconnecting, Stopped, Starting, Failed},
	Reconnecting: {Running, Failed, Stopped, Starting},
	Failed:       {Starting, Stopped, Reconnecting, Running},
}
