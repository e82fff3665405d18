package tray

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clawtray/assets"
	"clawtray/supervisor"

	"github.com/godbus/dbus/v5"
)

// inTroubleNow returns the status of a gateway that crashed a minute ago.
func inTroubleNow() supervisor.Status {
	s := supervisor.Status{State: supervisor.Reconnecting, Since: time.Now(), Cause: crashed, Phase: supervisor.Waiting, NextRetryAt: time.Now().Add(time.Minute)}
	s.Incidents = []supervisor.Incident{{ID: 1, Began: time.Now().Add(-time.Minute), Cause: crashed}}
	return s
}

func givenUp(c supervisor.Cause) supervisor.Status {
	s := inTroubleNow()
	s.State, s.Phase, s.Cause = supervisor.Failed, supervisor.Idle, c
	return s
}

// recovered returns a running status whose incident has ended.
func recovered() supervisor.Status {
	s := running()
	s.Incidents = []supervisor.Incident{{ID: 1, Began: time.Now().Add(-time.Minute), Ended: time.Now(), Cause: crashed}}
	return s
}

// XD1, XD2: trouble, then a person is needed, then the gateway is back. One notification is
// on the screen, each replaces the one before, and none is left after the end.
func TestXD2_OneNotificationReplacedAndClosed(t *testing.T) {
	b := startBus(t)
	n := b.startNotifications()
	c := b.runTray(running())
	c.send(inTroubleNow())
	toast := wait(t, n.got, "notification of trouble", c.output)
	if ids := <-n.ids; toast.Urgent || toast.Title != english.toast.TroubleTitle || ids != [2]uint32{0, 101} {
		t.Errorf("%+v, ids %v", toast, ids)
	}
	c.send(givenUp(supervisor.Cause{Code: supervisor.GaveUp}))
	toast = wait(t, n.got, "urgent notification", c.output)
	if ids := <-n.ids; !toast.Urgent || toast.Title != english.toast.PersonTitle || ids != [2]uint32{101, 101} {
		t.Errorf("%+v, ids %v", toast, ids)
	}
	c.send(recovered())
	toast = wait(t, n.got, "notification that it is back", c.output)
	if ids := <-n.ids; toast.Urgent || toast.Title != english.toast.BackTitle || ids != [2]uint32{101, 101} {
		t.Errorf("%+v, ids %v", toast, ids)
	}
	c.closeInput()
	if id := wait(t, n.gone, "closed notification", c.output); id != 101 {
		t.Errorf("closed %d", id)
	}
	if err := wait(t, c.exited, "end", c.output); err != nil {
		t.Error(err)
	}
}

// XD2: when a person acts, the urgent notification is removed.
func TestXD2_UrgentOnlyWhileAPersonIsNeeded(t *testing.T) {
	b := startBus(t)
	n := b.startNotifications()
	c := b.runTray(running())
	c.send(givenUp(supervisor.Cause{Code: supervisor.GaveUp}))
	wait(t, n.got, "urgent notification", c.output)
	c.send(supervisor.Status{State: supervisor.Starting, Since: time.Now(), Cause: supervisor.Cause{Code: supervisor.UserRetry}})
	if id := wait(t, n.gone, "closed notification", c.output); id != 101 {
		t.Errorf("closed %d", id)
	}
}

// XD7: the notification has our picture, plain words, and buttons that act.
func TestXD7_ButtonsAct(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	n := b.startNotifications()
	c := b.runTray(running())
	i := b.item(wait(t, w.registered, "registration", c.output))
	for _, step := range []struct {
		cause   supervisor.Cause
		buttons []Click
		press   ID
		does    string
	}{
		{supervisor.Cause{Code: supervisor.PortConflict, Detail: "nc, pid 4", FreePort: 18790},
			[]Click{{UsePort, "18790", "Use free port 18790"}, {RetryNow, "", "Retry now"}, {ViewLogs, "", "View logs"}}, UsePort + " 18790", "use 18790"},
		{supervisor.Cause{Code: supervisor.SpawnDenied, Detail: "fork/exec /usr/bin/node: operation not permitted"},
			[]Click{{RetryNow, "", "Retry now"}, {ViewLogs, "", "View logs"}}, ViewLogs, "open the log"},
		{supervisor.Cause{Code: supervisor.OpenClawMissing},
			[]Click{{InstallOpenClaw, "", "Install OpenClaw"}, {RetryNow, "", "Retry now"}, {ViewLogs, "", "View logs"}}, InstallOpenClaw, "install"},
		{supervisor.Cause{Code: supervisor.GaveUp, Detail: "dial tcp 127.0.0.1:18789: connect: connection refused"},
			[]Click{{SafeStart, "", "Start without channels and plugins"}, {RetryNow, "", "Retry now"}, {ViewLogs, "", "View logs"}}, RetryNow, "retry"},
	} {
		c.send(givenUp(step.cause))
		toast := wait(t, n.got, "notification", c.output)
		hints, ids := <-n.raw, <-n.ids
		if len(toast.Buttons) != len(step.buttons) {
			t.Fatalf("%s: buttons %v", step.cause.Code, toast.Buttons)
		}
		for i, want := range step.buttons {
			if toast.Buttons[i] != (Click{ID: ID(want.key()), Title: want.Title}) {
				t.Errorf("%s: button %v, want %v", step.cause.Code, toast.Buttons[i], want)
			}
		}
		if strings.Contains(toast.Body, "fork/exec") || strings.Contains(toast.Body, "dial tcp") {
			t.Errorf("words of a program: %s", toast.Body)
		}
		checkPicture(t, hints, assets.Error)
		n.emit("ActionInvoked", ids[1], string(step.press))
		n.emit("NotificationClosed", ids[1], uint32(2))
		c.expect(step.does)
		c.send(running())
		i.until("the recovery", has("Restart", "Stop"))
		if step.press == ViewLogs { // after other buttons there is no notification, because a person clicked
			if back := wait(t, n.got, "end of the trouble", c.output); back.Title != english.toast.BackTitle || back.Buttons[0].ID != OpenDashboard {
				t.Errorf("%+v", back)
			}
			<-n.raw
			<-n.ids
		}
	}
	if len(n.got) != 0 {
		t.Errorf("also told: %+v", <-n.got)
	}
}

func checkPicture(t *testing.T, hints map[string]dbus.Variant, want assets.Icon) {
	t.Helper()
	var got pixels
	if err := dbus.Store([]any{hints["image-data"].Value()}, &got); err != nil {
		t.Fatal(err)
	}
	if w := imageData(want); string(got.Data) != string(w.Data) || got.Width != 48 || !got.Alpha {
		t.Errorf("the picture is not %s: %dx%d", want, got.Width, got.Height)
	}
}

// XD2: a server without buttons gets none. A server that cannot replace a notification is
// asked to remove the old one. A restarted server gets no ids of the one before.
func TestXD2_ServersOfManyKinds(t *testing.T) {
	b := startBus(t)
	n := b.startNotifications(func(n *toasts) { n.caps, n.keep = nil, true })
	c := b.runTray(running())
	c.send(inTroubleNow())
	if toast := wait(t, n.got, "notification", c.output); len(toast.Buttons) != 0 {
		t.Errorf("buttons %v", toast.Buttons)
	}
	<-n.ids
	c.send(givenUp(supervisor.Cause{Code: supervisor.GaveUp}))
	wait(t, n.got, "second notification", c.output)
	if id, ids := wait(t, n.gone, "the first one taken away", c.output), <-n.ids; id != 101 || ids != [2]uint32{101, 102} {
		t.Errorf("closed %d, ids %v", id, ids)
	}

	n.conn.Close()
	m := b.startNotifications()
	c.send(recovered())
	toast := wait(t, m.got, "notification of the new server", c.output)
	if ids := <-m.ids; toast.Title != english.toast.BackTitle || ids[0] != 0 {
		t.Errorf("%+v, ids %v", toast, ids)
	}
}

// XD2: ids of a server that has ended are not used with the next server, even before we
// know that the old one has ended. On the new server they may belong to other programs.
func TestXD2_IdsOfAServerThatHasJustGone(t *testing.T) {
	b := startBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", b.addr)
	first := b.startNotifications()
	n := newNotifier(newToastServer(), slog.New(slog.DiscardHandler), nil) // nobody receives its events
	defer n.server.release()
	n.carryOut(t.Context(), gatewaySlot, &Toast{Title: "Trouble"})
	n.carryOut(t.Context(), askSlot, &Toast{Title: "A question"})
	first.conn.Close()
	second := b.startNotifications()
	n.carryOut(t.Context(), gatewaySlot, &Toast{Title: "It is back"})
	if ids := wait(t, second.ids, "notification of the new server", func() string { return "" }); ids[0] != 0 {
		t.Errorf("replaces %d", ids[0])
	}
	if end := wait(t, n.ends, "the loss told to the loop", func() string { return "" }); !end.lost {
		t.Errorf("%+v", end)
	}
	second.conn.Close()
	third := b.startNotifications()
	n.carryOut(t.Context(), gatewaySlot, nil)
	if len(third.gone) != 0 {
		t.Errorf("closed %d", <-third.gone)
	}
}

// XD2: a clawtray that was killed has left an urgent notification on the screen. The next
// one takes it away, once, although it has nothing to tell itself.
func TestXD2_KilledAndStartedAgain(t *testing.T) {
	b := startBus(t)
	n := b.startNotifications()
	left := leftEnv + "=" + filepath.Join(t.TempDir(), "notifications")
	w := b.startWatcher()
	c := b.runTray(running(), left)
	i := b.item(wait(t, w.registered, "registration", c.output))
	c.send(givenUp(supervisor.Cause{Code: supervisor.GaveUp}))
	wait(t, n.got, "urgent notification", c.output)
	told := func(text string) bool { return strings.Contains(text, english.toast.PersonTitle) }
	i.until("that it was told", told)
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait(t, c.exited, "its end", c.output)

	c = b.runTray(running(), left)
	i = b.item(wait(t, w.registered, "registration", c.output))
	if id := wait(t, n.gone, "the notification that was left", c.output); id != 101 {
		t.Errorf("closed %d", id)
	}
	c.send(givenUp(supervisor.Cause{Code: supervisor.GaveUp}))
	wait(t, n.got, "a notification of its own", c.output)
	i.until("that it was told", told)
	c.closeInput()
	if id := wait(t, n.gone, "its end", c.output); id != 102 {
		t.Errorf("closed %d", id)
	}
	if err := wait(t, c.exited, "end", c.output); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(strings.TrimPrefix(left, leftEnv+"=")); !errors.Is(err, fs.ErrNotExist) || len(n.gone) != 0 {
		t.Errorf("after the end: %v, %d more closed", err, len(n.gone))
	}
}

// XD2: what another notification server shows is not closed, not even by one of the same
// name on the next bus.
func TestXD2_LeftWithAnotherServer(t *testing.T) {
	b := startBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", b.addr)
	var left string
	for _, restart := range []func(*toasts){nil, func(n *toasts) { n.conn.Close() }, func(*toasts) { b.stop(); b.start() }} {
		n := b.startNotifications()
		file := filepath.Join(t.TempDir(), "notifications")
		old := newNotifier(newToastServer(), slog.New(slog.DiscardHandler), nil)
		old.file = file
		old.carryOut(t.Context(), gatewaySlot, &Toast{Title: "Trouble", Urgent: true})
		old.keep()
		left = old.kept
		old.server.release() // killed
		foreign := restart != nil
		if foreign {
			restart(n)
			n = b.startNotifications()
		}
		next := newNotifier(newToastServer(), slog.New(slog.DiscardHandler), nil)
		next.file = file
		next.tidy(t.Context())
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) || (len(n.gone) == 0) != foreign {
			t.Errorf("%s: another server: %t, closed %d; the file: %v", left, foreign, len(n.gone), err)
		}
		n.conn.Close()
	}
}

// XD2: a file that makes no sense closes nothing.
func TestXD2_LeftInDisorder(t *testing.T) {
	b := startBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", b.addr)
	n := b.startNotifications()
	file := filepath.Join(t.TempDir(), "notifications")
	for _, text := range []string{"", "x", "x :1.0", "x :1.0 101", "x :1.0 many", busID(t.Context(), b.connect()) + " nobody 101"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		next := newNotifier(newToastServer(), slog.New(slog.DiscardHandler), nil)
		next.file = file
		next.tidy(t.Context())
		if len(n.gone) != 0 {
			t.Errorf("%q: closed %d", text, <-n.gone)
		}
	}
}

// A server that is mute holds up neither clicks nor the end, and a notification that
// was only slow is not sent again.
func TestXD2_MuteServer(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	mute := make(chan struct{})
	n := b.startNotifications(func(n *toasts) { n.mute = mute })
	c := b.runTray(running())
	i := b.item(wait(t, w.registered, "registration", c.output))
	c.send(givenUp(supervisor.Cause{Code: supervisor.GaveUp}))
	i.until("the failure", has("Retry now"))
	i.click("View logs")
	c.expect("open the log")
	close(mute)
	wait(t, n.got, "the slow notification", c.output)
	c.send(recovered())
	if toast := wait(t, n.got, "its end", c.output); toast.Title != english.toast.BackTitle {
		t.Errorf("%+v", toast)
	}
}

func TestXD2_MuteServerAtTheEnd(t *testing.T) {
	b := startBus(t)
	mute := make(chan struct{})
	t.Cleanup(func() { close(mute) })
	b.startNotifications(func(n *toasts) { n.mute = mute })
	c := b.runTray(running())
	c.send(givenUp(supervisor.Cause{Code: supervisor.GaveUp}))
	c.closeInput()
	if err := wait(t, c.exited, "end", c.output); err != nil {
		t.Errorf("ended with %v\n%s", err, c.output())
	}
}

// XD5: the status changes 50 times while the menu is open. Each time a panel reads the same
// entries in the same rows.
func TestXD5_RowsOnTheBus(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	c := b.runTray(running())
	i := b.item(wait(t, w.registered, "registration", c.output))
	rows := func() (ids []int32) {
		for _, kid := range i.menu().kids {
			if kid.is("visible") {
				ids = append(ids, kid.ID)
			}
		}
		return ids
	}
	want := rows()
	all := pictures()
	names := slices.Sorted(maps.Keys(all))
	for n := range 50 {
		s := all[names[n%len(names)]]
		c.send(s)
		i.until(names[n%len(names)], func(text string) bool { return sameEntries(text, asText(s)) })
		if got := rows(); !slices.Equal(got, want) {
			t.Fatalf("%s: rows %v, want %v", names[n%len(names)], got, want)
		}
	}
}

// XD9: a screen reader can read the state, and the item's Id stays the same.
func TestXD9_StateInTheTitle(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	c := b.runTray(running())
	i := b.item(wait(t, w.registered, "registration", c.output))
	c.send(stopped())
	i.until("the stop", has("Start"))
	if id, title := i.prop("Id"), i.prop("Title"); id != "clawtray" || !strings.HasPrefix(title.(string), "OpenClaw Gateway: Stopped") {
		t.Errorf("Id %v, Title %v", id, title)
	}
	b.stop()
	b.start()
	w = b.startWatcher()
	i = b.item(wait(t, w.registered, "registration on a new bus", c.output))
	if id := i.prop("Id"); id != "clawtray" {
		t.Errorf("Id %v", id)
	}
}

// XD3: a left click is answered on every host.
func TestXD3_LeftClick(t *testing.T) {
	for desktop, ours := range map[string]bool{
		"X-Cinnamon": true, "MATE": true, "LXQt": true, "sway": true, "i3": true, "Budgie:GNOME": true, "": true, "COSMIC": true,
		"XFCE": false, "KDE": false, "ubuntu:GNOME": false,
	} {
		if leftClickIsOurs(desktop) != ours {
			t.Errorf("%q: %t", desktop, !ours)
		}
	}
}

// XD2: a server that comes up takes nothing away: the bus starts it for the first notification,
// and says so when that is shown.
func TestXD2_AServerThatComesUp(t *testing.T) {
	signals, events := make(chan *dbus.Signal, 2), make(chan toastEvent, 2)
	changed := func(old, now string) {
		signals <- &dbus.Signal{Name: "org.freedesktop.DBus.NameOwnerChanged", Body: []any{notificationsName, old, now}}
	}
	changed("", ":1.7")
	changed(":1.7", ":1.8")
	close(signals)
	translate(signals, events)
	if len(events) != 1 || !(<-events).all {
		t.Errorf("%d events", len(events))
	}
}
