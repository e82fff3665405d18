package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"clawtray/packaging/outside"
	"clawtray/supervisor"
)

// fault is one thing that goes wrong, and what must hold then. After each the
// invariants of rest are looked at, too (wrongAtRest).
type fault struct {
	name  string
	who   who
	often int // cards in each round, because it costs little; 0 is 1
	do    func(context.Context, *house) error
	// noticed is what clawtray must say before the fault ends; nil: it need not notice.
	noticed func(before, now supervisor.Status) bool
	undo    func(context.Context, *house) error // ends the fault; nil: it is over at once
	// undisturbed says that the gateway must live on, in the same process.
	undisturbed bool
	// alone says that the gateway must be back without a person once the fault has ended.
	alone bool
	// gives are the causes with which clawtray may hand this over to a person, besides a spent budget.
	gives []supervisor.CauseCode
	needs func(*house) string // why this user cannot suffer it; empty: no reason
}

// deck is a list of faults.
type deck []fault

// of are the cards of one user: each fault whose name matches, as often as it says.
func (d deck) of(w who, only *regexp.Regexp) (cards []fault) {
	for _, f := range d {
		if f.who == w && only.MatchString(f.name) {
			cards = append(cards, slices.Repeat([]fault{f}, max(1, f.often))...)
		}
	}
	return cards
}

// who suffers a fault.
type who int

const (
	owner who = iota // clawtray has started the gateway
	guest            // clawtray reaches somebody else's through a proxy
)

func (f fault) skip(h *house) string {
	if f.needs == nil {
		return ""
	}
	return f.needs(h)
}

// budgets are the causes with which clawtray stops fighting, whatever the fault.
var budgets = []supervisor.CauseCode{supervisor.KeepsCrashing, supervisor.GaveUp}

// faults that cost a start of the gateway have one card in a round, the others several.
var faults = deck{
	{name: "kill -9 of the gateway", do: signalGateway(syscall.SIGKILL), noticed: left},
	{name: "kill -9 while it starts", do: killStarting, noticed: left},
	{name: "kill -9, and the clock jumps by an hour", do: killAndJump(time.Hour), noticed: left, undo: setClockRight, needs: clock},
	{name: "SIGTERM from outside", do: signalGateway(syscall.SIGTERM), noticed: left, gives: codes(supervisor.StoppedOutside)},
	{name: "gateway stopped for 3 s", often: 8, do: stopped(3 * time.Second), undisturbed: true},
	{name: "gateway stopped until it counts as hung", do: signalGateway(syscall.SIGSTOP), noticed: left},
	{name: "port stolen between two lives", do: stealPort, noticed: conflict, undo: givePortBack, gives: codes(supervisor.PortConflict)},
	{name: "configuration cut, then a crash", do: spoilAndKill("{\"gateway\": {"), noticed: needsPerson, undo: restore, alone: true, gives: configCauses},
	{name: "configuration emptied, then a crash", do: spoilAndKill(""), noticed: needsPerson, undo: restore, alone: true, gives: configCauses},
	{name: "configuration removed, then a crash", do: removeAndKill, noticed: needsPerson, undo: restore, alone: true, gives: configCauses},
	{name: "configuration cut and restored", often: 5, do: spoil("{\"gateway\": {"), noticed: drifted, undo: restore, undisturbed: true},
	{name: "configuration replaced", often: 8, do: replaceConfig, undo: restore},
	{name: "token rotated", often: 5, do: rotateToken, undisturbed: true},
	{name: "disk full, then a crash", do: fillAndKill, noticed: left, undo: emptyDisk, gives: codes(supervisor.DiskFull, supervisor.StateDirUnusable), needs: disk},
	{name: "runtime moved away, then a crash", do: moveRuntime, noticed: needsPerson, undo: moveRuntimeBack,
		gives: codes(supervisor.NodeMissing, supervisor.OpenClawMissing, supervisor.RuntimeBroken, supervisor.PackageBroken)},
	{name: "clawtray killed -9 and started again", do: killClawtray},
	{name: "clawtray stopped for 3 s", often: 8, do: stopClawtray(3 * time.Second), undisturbed: true},
	{name: "clawtray stopped for 70 s", do: stopClawtray(70 * time.Second), undisturbed: true},
	{name: "clock jumps forward by an hour, and back", do: jump(time.Hour), undo: setClockRight, undisturbed: true, needs: clock},
	{name: "clock jumps back by an hour, and forward", do: jump(-time.Hour), undo: setClockRight, undisturbed: true, needs: clock},
	{name: "burst of 50 commands", do: burst("restart", "stop", "start", "status", "reload"), gives: codes(supervisor.UserStop)},
	{name: "burst of 50 questions", often: 8, do: burst("status", "start", "config", "logs", "version"), undisturbed: true},
	{name: "session bus killed and restarted", often: 8, do: restartBus, undisturbed: true, needs: hasDesktop},
	{name: "notification server replaced", often: 8, do: restartServer, undisturbed: true, needs: hasDesktop},
	{name: "notification server hung, then a lost configuration", do: hangServer, noticed: needsPerson, undo: serverAnswers, alone: true, gives: configCauses, needs: hasDesktop},

	{name: "proxy cuts", often: 8, who: guest, do: cut, noticed: gone, undisturbed: true},
	{name: "proxy stalls for 3 s", often: 8, who: guest, do: proxied(outside.Stall, 3*time.Second), undisturbed: true},
	{name: "proxy stalls until it is noticed", who: guest, do: proxied(outside.Stall, 0), noticed: unwell, undo: connectAnew, undisturbed: true, gives: attached},
	{name: "proxy delays for 10 s", often: 8, who: guest, do: proxied(outside.Delay, 10*time.Second), undisturbed: true},
	{name: "proxy corrupts", often: 5, who: guest, do: corrupt, noticed: gone, undo: proxied(outside.Pass, 0), undisturbed: true, gives: attached},
	{name: "proxy refuses for a while", often: 5, who: guest, do: refuse, noticed: gone, undo: proxied(outside.Pass, 0), undisturbed: true, gives: attached},
	{name: "clawtray of the guest killed -9", often: 8, who: guest, do: killClawtray, undisturbed: true},
	{name: "the owner kills -9 and starts again", who: guest, do: ownerKills, noticed: gone, undo: ownerStarts, alone: true, gives: attached},
}

var (
	configCauses = codes(supervisor.ConfigBroken, supervisor.ConfigLost, supervisor.ConfigClobbered, supervisor.ConfigUnreadable)
	attached     = codes(supervisor.AttachedGone, supervisor.PortConflict, supervisor.ConnectRefused, supervisor.ProtocolMismatch)
)

func codes(list ...supervisor.CauseCode) []supervisor.CauseCode { return list }

// What clawtray has to say.

func left(before, now supervisor.Status) bool {
	return now.PID != before.PID || now.State != supervisor.Running
}
func gone(_, now supervisor.Status) bool { return now.State != supervisor.Running }
func conflict(_, now supervisor.Status) bool {
	return now.State == supervisor.Failed && now.Mode == supervisor.Conflict
}
func needsPerson(_, now supervisor.Status) bool { return now.State == supervisor.Failed }
func drifted(_, now supervisor.Status) bool     { return now.Drift.Invalid }

func unwell(_, now supervisor.Status) bool {
	return now.State != supervisor.Running || slices.ContainsFunc(now.Health.Reasons, func(r supervisor.Reason) bool { return r.Code == supervisor.ReasonNotAnswering })
}

// Faults of the process.

func signalGateway(s syscall.Signal) func(context.Context, *house) error {
	return func(_ context.Context, h *house) error { return syscall.Kill(h.newest().PID, s) }
}

// killStarting ends the gateway, and the next one before it is ready.
func killStarting(ctx context.Context, h *house) error {
	first, from := h.newest().PID, h.mark()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		return err
	}
	next, err := h.until(ctx, from, func(s supervisor.Status) bool { return s.PID != 0 && s.PID != first || s.State == supervisor.Failed })
	if err != nil || next.PID == 0 {
		return err // given up already: its budget was spent
	}
	if err := syscall.Kill(next.PID, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// stopped suspends the gateway for a time that no rule of clawtray calls a hang.
func stopped(d time.Duration) func(context.Context, *house) error {
	return func(_ context.Context, h *house) error {
		pid := h.newest().PID
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		time.Sleep(d)
		return syscall.Kill(pid, syscall.SIGCONT)
	}
}

// stealPort listens where the gateway did, between two of its lives.
func stealPort(ctx context.Context, h *house) error {
	if out, code := h.command(ctx, "stop", "--now"); code != 0 {
		return fmt.Errorf("stop: exit %d, %s", code, out)
	}
	l, err := net.Listen("tcp", outside.Address(h.port))
	if err != nil {
		return err
	}
	h.thief = l
	if out, code := h.command(ctx, "start"); code == 0 || !strings.Contains(out, fmt.Sprint(os.Getpid())) {
		return fmt.Errorf("start on a stolen port: exit %d, %s", code, out)
	}
	return nil
}

func givePortBack(_ context.Context, h *house) error { return h.thief.Close() }

// Faults of the configuration. The user's own bytes are in h.config.

func spoil(text string) func(context.Context, *house) error {
	return func(_ context.Context, h *house) error { return replace(h.configPath(), []byte(text)) }
}

func spoilAndKill(text string) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		return errors.Join(spoil(text)(ctx, h), signalGateway(syscall.SIGKILL)(ctx, h))
	}
}

func removeAndKill(ctx context.Context, h *house) error {
	return errors.Join(os.Remove(h.configPath()), signalGateway(syscall.SIGKILL)(ctx, h))
}

func restore(_ context.Context, h *house) error { return replace(h.configPath(), h.config) }

// replaceConfig takes in a harmless change; undone, the file is as before.
func replaceConfig(ctx context.Context, h *house) error {
	changed := bytes.Replace(h.config, []byte("{"), []byte("{\n  \"logging\": {\"level\": \"debug\"},"), 1)
	if err := replace(h.configPath(), changed); err != nil {
		return err
	}
	return reload(ctx, h)
}

// reload has the gateway use what is on disk now.
func reload(ctx context.Context, h *house) error {
	if out, code := h.command(ctx, "reload"); code != 0 {
		return fmt.Errorf("reload: exit %d, %q", code, out)
	}
	return nil
}

// rotateToken gives the gateway another token, as a person would in an editor. The
// device's own token is not that one, so that the connection may live on.
func rotateToken(ctx context.Context, h *house) error {
	token := fmt.Sprintf("chaos-token-%d", time.Now().UnixNano())
	h.config = bytes.ReplaceAll(h.config, []byte(h.token), []byte(token))
	h.token = token
	if err := replace(h.configPath(), h.config); err != nil {
		return err
	}
	return reload(ctx, h)
}

// replace writes a file as an editor does: beside it, then over it.
func replace(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Faults of the machine.

func disk(h *house) string {
	if !h.mounted {
		return "only root can mount a small disk"
	}
	return ""
}

// fillAndKill uses up the disk that the home is on.
func fillAndKill(ctx context.Context, h *house) error {
	filler, err := os.Create(filepath.Join(h.home, "filler"))
	if err != nil {
		return err
	}
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 64<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return signalGateway(syscall.SIGKILL)(ctx, h)
}

// emptyDisk lets clawtray meet the full disk for a while, then makes room.
func emptyDisk(_ context.Context, h *house) error {
	time.Sleep(10 * time.Second)
	return os.Remove(filepath.Join(h.home, "filler"))
}

// The runtime is a link, so that moving it away leaves the machine's own alone.
func moveRuntime(ctx context.Context, h *house) error {
	return errors.Join(os.Rename(h.runtimeLink(), h.runtimeLink()+".away"), signalGateway(syscall.SIGKILL)(ctx, h))
}

func moveRuntimeBack(_ context.Context, h *house) error {
	return os.Rename(h.runtimeLink()+".away", h.runtimeLink())
}

// Faults of clawtray itself.

// killClawtray ends clawtray without a word and starts it again. Its gateway ends
// with it (BEHAVIOUR M3); somebody else's does not.
func killClawtray(ctx context.Context, h *house) error {
	if err := h.clawtray.Process.Kill(); err != nil {
		return err
	}
	<-h.ended
	h.forget()
	if err := wait(ctx, "nothing of the dead clawtray is left", func() bool { return len(h.marked()) == 0 }); err != nil {
		return err
	}
	return h.start(ctx)
}

// stopClawtray suspends clawtray. Everything that was due meanwhile is late by that
// time then, as on a machine that starved it.
func stopClawtray(d time.Duration) func(context.Context, *house) error {
	return func(_ context.Context, h *house) error {
		if err := h.clawtray.Process.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		time.Sleep(d)
		return h.clawtray.Process.Signal(syscall.SIGCONT)
	}
}

// burst hands in 50 commands at once. Each ends, with words of its own.
func burst(verbs ...string) func(context.Context, *house) error {
	return func(ctx context.Context, h *house) error {
		failed := make([]error, 50)
		var commands sync.WaitGroup
		for i := range failed {
			commands.Go(func() {
				verb := verbs[i%len(verbs)]
				if out, code := h.command(ctx, verb); code < 0 || code > 1 || strings.TrimSpace(out) == "" || strings.Contains(out, "goroutine ") {
					failed[i] = fmt.Errorf("%s ended with %d and said %q", verb, code, out)
				}
			})
		}
		commands.Wait()
		return errors.Join(failed...)
	}
}

// Faults of the way to somebody else's gateway.

// proxied makes the proxy do something, for a while or, with zero, from now on.
func proxied(m outside.Mode, d time.Duration) func(context.Context, *house) error {
	return func(_ context.Context, h *house) error {
		h.guest.proxy.Set(m)
		if d > 0 {
			time.Sleep(d)
			h.guest.proxy.Set(outside.Pass)
		}
		return nil
	}
}

func cut(_ context.Context, h *house) error { h.guest.proxy.Cut(); return nil }

// connectAnew ends a connection that has stalled. The gateway may have given it up, and
// would end it itself at some later moment.
func connectAnew(ctx context.Context, h *house) error {
	from, now := h.mark(), h.newest()
	h.guest.proxy.Set(outside.Pass)
	if gone(now, now) {
		return nil
	}
	h.guest.proxy.Cut()
	_, err := h.until(ctx, from, func(s supervisor.Status) bool { return gone(s, s) })
	return err
}

func refuse(_ context.Context, h *house) error {
	h.guest.proxy.Set(outside.Refuse)
	h.guest.proxy.Cut()
	return nil
}

// corrupt has traffic pass, so that there is something to corrupt.
func corrupt(ctx context.Context, h *house) error {
	h.guest.proxy.Set(outside.Corrupt)
	_, _ = h.command(ctx, "reload") // asks the gateway; how it answers does not matter
	return nil
}

func ownerKills(_ context.Context, h *house) error { return h.guest.kill() }

func ownerStarts(ctx context.Context, h *house) error { return h.guest.start(ctx, h) }
