package commands

import (
	"syscall"
	"testing"
	"time"

	"clawtray/supervisor"
)

// TestC4_OrdersAtEachPhase ends a real gateway at each step of its life, in each of the
// three ways that do not wait for work, and checks that nothing is left. The log says how
// long each took; other tests check the limits in virtual time. Without -every-row, each
// step meets one of the ways, and TestC4_StopDuringARun shows the drain.
func TestC4_OrdersAtEachPhase(t *testing.T) {
	long(t)
	orders := []struct {
		name string
		give func(u *user)
	}{
		{"stop now", func(u *user) { u.must("stop", "--now"); u.nothingIsLeft("after stop --now"); u.quit() }},
		{"quit now", func(u *user) { u.cli("quit", "--now"); <-u.ended }}, // on a busy machine the command may give up before clawtray has ended
		{"logout", func(u *user) { u.process.Process.Signal(syscall.SIGTERM); <-u.ended }},
	}
	phase := func(p supervisor.Phase) func(supervisor.Status) bool {
		return func(s supervisor.Status) bool { return s.Phase == p }
	}
	// Each function returns what to wait for after the order.
	nothing := func() {}
	phases := []struct {
		name  string
		begin func(u *user, m *model) (ended func())
	}{
		{"spawned", func(u *user, _ *model) func() { u.until("spawned", phase(supervisor.Spawned)); return nothing }},
		{"sidecars", func(u *user, _ *model) func() {
			u.until("sidecars", func(s supervisor.Status) bool { return s.Phase == supervisor.Sidecars || running(s) })
			return nothing
		}},
		{"running", func(u *user, _ *model) func() { u.until("running", running); return nothing }},
		{"drain", func(u *user, m *model) func() {
			u.until("running", running)
			u.chat(m, "a task that does not end")
			stopped := u.inBackground("stop")
			u.until("the drain", draining)
			return func() { stopped() } // its result depends on what ends the gateway
		}},
		{"restart in place", func(u *user, _ *model) func() {
			u.until("running", running)
			restarted := u.inBackground("restart")
			u.until("the restart", func(s supervisor.Status) bool { return s.State == supervisor.Reconnecting })
			return func() { restarted() } // as above
		}},
		{"reconnect", func(u *user, _ *model) func() {
			s := u.until("running", running)
			syscall.Kill(s.PID, syscall.SIGKILL)
			u.until("recovery", func(s supervisor.Status) bool { return s.State == supervisor.Reconnecting })
			return nothing
		}},
	}
	for p, phase := range phases {
		for o, order := range orders {
			if (p%len(orders) != o || phase.name == "drain") && !*everyRow {
				continue
			}
			t.Run(order.name+" while "+phase.name, func(t *testing.T) {
				u := withAnyGateway(t, "[supervision]", `drain_stop = "1h"`)
				m := newModel(t)
				u.write(".openclaw/openclaw.json", m.config())
				u.run()
				ended := phase.begin(u, m)
				began := time.Now()
				order.give(u)
				ended()
				t.Logf("took %v", time.Since(began).Round(time.Millisecond))
				u.nothingIsLeft(order.name + " while " + phase.name)
			})
		}
	}
}
