package tray

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"log/slog"
	"strings"
	"testing"
	"time"

	"clawtray/assets"
	"clawtray/supervisor"

	"github.com/godbus/dbus/v5"
)

func stopped() supervisor.Status {
	return supervisor.Status{State: supervisor.Stopped, Since: time.Now(), Cause: supervisor.Cause{Code: supervisor.UserStop}}
}

// has is true for menus with every one of the lines.
func has(lines ...string) func(string) bool {
	return func(menu string) bool {
		for _, line := range lines {
			if !strings.Contains("\n"+menu, "\n"+line+"\n") {
				return false
			}
		}
		return true
	}
}

// asText is the view in the form in which item.text reads the real menu.
func asText(s supervisor.Status) string {
	var b strings.Builder
	_, menu, _ := strings.Cut(View(s, Settings{}, time.Now()).String(), "\n")
	_, menu, _ = strings.Cut(menu, "\n")
	for line := range strings.Lines(menu) {
		line, _, _ = strings.Cut(strings.TrimSuffix(line, "\n"), "  -> ")
		b.WriteString(line + "\n")
	}
	return b.String()
}

func TestL1_L2_RegistersAndShowsTheView(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	s := running()
	c := b.runTray(s)
	i := b.item(wait(t, w.registered, "registration", c.output))
	if got := i.text(); got != asText(s) {
		t.Errorf("menu:\n%s\nwant:\n%s", got, asText(s))
	}
	if id, title := i.prop("Id"), i.prop("Title"); id != "clawtray" || title != "clawtray" {
		t.Errorf("Id %v, Title %v", id, title)
	}
	checkPixels(t, i, assets.Running)

	crash := supervisor.Status{State: supervisor.Reconnecting, Since: time.Now(), Attempts: 1, MaxAttempts: 10,
		Cause: supervisor.Cause{Code: supervisor.Killed, Detail: "agent_main_run"}}
	c.send(crash)
	i.until("the crash", func(text string) bool { return text == asText(crash) })
	checkPixels(t, i, assets.Reconnecting)
	if tip, _ := i.prop("ToolTip").([]any); len(tip) != 4 || !strings.Contains(tip[2].(string), "agent_main_run") {
		t.Errorf("tooltip %v", tip)
	}
}

// checkPixels compares the icon on the bus with the PNG, soft edges included.
func checkPixels(t *testing.T, i *item, want assets.Icon) {
	t.Helper()
	var pixmaps []struct {
		W, H int32
		ARGB []byte
	}
	if err := dbus.Store([]any{i.prop("IconPixmap")}, &pixmaps); err != nil || len(pixmaps) != 1 {
		t.Fatal(err, pixmaps)
	}
	im, err := png.Decode(bytes.NewReader(want.PNG()))
	if err != nil {
		t.Fatal(err)
	}
	straight, ok := im.(*image.NRGBA)
	if !ok {
		t.Fatalf("icon is a %T", im)
	}
	var argb []byte
	for p := straight.Pix; len(p) > 0; p = p[4:] {
		argb = append(argb, p[3], p[0], p[1], p[2])
	}
	if !bytes.Equal(pixmaps[0].ARGB, argb) {
		t.Errorf("the icon on the bus is not %s", want)
	}
}

func TestL2_ClicksBecomeRequests(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	c := b.runTray(running())
	i := b.item(wait(t, w.registered, "registration", c.output))
	for _, click := range []struct{ label, does string }{
		{"Restart", "restart"}, {"Reload configuration", "reload"}, {"Stop", "stop"},
		{"View logs", "open the log"}, {"Copy diagnostics", "copy diagnostics"}, {"Problems only", "notify problems"},
	} {
		i.click(click.label)
		c.expect(click.does)
	}
	i.click("Start at login")
	i.until("the check marks", has("[x] Start at login", "    [x] Problems only", "    [ ] All"))

	i.click("Save diagnostics report")
	c.expect("report")
	c.expect("open /reports") // the folder it was saved in

	c.send(stopped())
	i.until("the stop", has("Start", "Reload configuration (not running)  (disabled)"))
	i.click("Reload configuration (not running)") // some hosts send it
	i.click("Open Dashboard (not running)")
	i.click("Start")
	c.expect("start") // and nothing before it
	i.until("the answer", has("Done.  (disabled)"))

	c.send(supervisor.Status{State: supervisor.Failed, Since: time.Now(), Cause: supervisor.Cause{Code: supervisor.NodeMissing}})
	i.until("the remedy", has("Install OpenClaw", "Retry now"))
	i.click("Retry now")
	c.expect("retry")
	i.click("Install OpenClaw")
	c.expect("install")
	i.click("Quit and stop the gateway")
	c.expect("quit")
	if err := wait(t, c.exited, "end", c.output); err != nil {
		t.Errorf("the tray program ended with %v\n%s", err, c.output())
	}
}

// Whatever the menu shows, each entry does what it says, and those that cannot
// act do nothing even if the panel sends a click.
func TestL2_EveryEntryOfEveryMenu(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	c := b.runTray(running(), staysEnv+"=1")
	i := b.item(wait(t, w.registered, "registration", c.output))
	other := map[ID]string{
		OpenDashboard: "browse http://the-dashboard/", ViewLogs: "open the log", CopyDiagnostics: "copy diagnostics",
		SaveReport: "report", ShowAll: "notify all", ShowProblems: "notify problems", ShowNone: "notify none",
	}
	helps := map[supervisor.Action]string{
		supervisor.ActInstall: "install", supervisor.ActOpenConfig: "open openclaw.json", supervisor.ActApprove: "copy openclaw devices approve 9f3",
		supervisor.ActUseFreePort: "open config.toml",
	}
	clicked := map[string]bool{}
	for name, s := range pictures() {
		if strings.HasPrefix(name, "starting-") && name != "starting-slow" {
			continue // the same entries in every phase
		}
		s.Incidents = nil
		c.send(s)
		want := View(s, Settings{}, time.Now())
		i.until(name, func(text string) bool { return sameEntries(text, asText(s)) })
		eachItem(want.Items, func(it Item) {
			if it.Hidden || len(it.Sub) > 0 || it.ID == StartAtLogin || it.ID == StatusLine || strings.HasPrefix(string(it.ID), string(DetailLine)) {
				return
			}
			does := other[it.ID]
			switch {
			case it.Request.Now:
				does = string(it.Request.Intent) + " now"
			case it.Request.Intent != "":
				does = string(it.Request.Intent)
			case it.ID == Help && s.Cause.FreePort > 0:
				does = "use 18790"
			case it.ID == Help:
				does = helps[it.Action]
			}
			i.click(it.Title)
			if it.Disabled {
				return // what comes next would be something else
			}
			c.expect(does)
			clicked[does] = true
			if it.ID == SaveReport {
				c.expect("open /reports")
			}
		})
	}
	for _, does := range []string{"start", "stop", "stop now", "restart", "reload", "retry", "take-over", "quit", "quit now", "install", "use 18790", "notify none", "browse http://the-dashboard/"} {
		if !clicked[does] {
			t.Errorf("no menu offers %q", does)
		}
	}
}

// sameEntries compares menus below their first separator: the lines above say
// how the last click ended.
func sameEntries(a, b string) bool {
	_, a, _ = strings.Cut(a, "----\n")
	_, b, _ = strings.Cut(b, "----\n")
	for _, checked := range []string{"[x] ", "[ ] "} { // of the notification level, which the test changes
		a, b = strings.ReplaceAll(a, checked, ""), strings.ReplaceAll(b, checked, "")
	}
	return a == b
}

// A status that looks the same sends nothing over the bus.
func TestL2_NothingVisibleNothingSent(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	s := running()
	c := b.runTray(s)
	i := b.item(wait(t, w.registered, "registration", c.output))
	i.text()
	<-i.sigs // the update that follows the first reading of a menu
	for range 50 {
		s.ConnectedAt = time.Now()
		c.send(s)
	}
	c.send(stopped()) // something visible, so that there is an end to wait for
	i.until("the stop", has("Start"))
	pings := 0
	for len(i.sigs) > 0 {
		<-i.sigs
		pings++
	}
	// One change of icon, tooltip and a few entries; each entry sends two signals.
	if pings > 40 {
		t.Errorf("%d signals", pings)
	}
}

func TestL3_NotificationsOnTheBus(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	n := b.startNotifications()
	c := b.runTray(running())
	wait(t, w.registered, "registration", c.output)
	c.send(supervisor.Status{State: supervisor.Failed, Since: time.Now(), Cause: supervisor.Cause{Code: supervisor.PortConflict, Detail: "<b>nc</b> & $(x)"}})
	toast := wait(t, n.got, "notification", c.output)
	if toast.Title != english.PersonTitle || !toast.Urgent || !strings.Contains(toast.Body, "‹b›nc‹/b›") {
		t.Errorf("%+v", toast)
	}
	back := running()
	c.send(back)
	if toast = wait(t, n.got, "second notification", c.output); toast.Title != english.BackTitle {
		t.Errorf("%+v", toast)
	}
	// The signals of the notification server do not end the watch over the panel.
	w.conn.Close()
	w = b.startWatcher()
	wait(t, w.registered, "registration after a notification", c.output)
}

// A second launch from the desktop says how the gateway is, and says it as safely
// as the tray does.
func TestL5_SecondLaunchNotifies(t *testing.T) {
	b := startBus(t)
	n := b.startNotifications()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", b.addr)
	s := supervisor.Status{State: supervisor.Failed, Since: time.Now(), Cause: supervisor.Cause{Code: supervisor.PortConflict, Detail: "<b>nc</b>"}}
	if err := Summarize(s, Settings{}, time.Now()).Notify(t.Context()); err != nil {
		t.Fatal(err)
	}
	toast := <-n.got
	if want := "clawtray: Not running: needs your help (less than a minute ago)"; toast.Title != want || !strings.Contains(toast.Body, "‹b›nc‹/b› Quit that program") {
		t.Errorf("%+v", toast)
	}
}

func TestL4_WatcherLateAndRestarted(t *testing.T) {
	b := startBus(t)
	c := b.runTray(running())
	for range 4 {
		w := b.startWatcher()
		i := b.item(wait(t, w.registered, "registration", c.output))
		if got := i.text(); !has("Restart")(got) {
			t.Errorf("menu:\n%s", got)
		}
		w.conn.Close()
	}
}

// The bus goes three times, once while the status changes. The icon comes back
// with the newest status, and clicks work (fyne.io/systray issues 121 and 122).
func TestL4_BusLostAndBack(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	c := b.runTray(running())
	wait(t, w.registered, "registration", c.output)
	for round := range 3 {
		b.stop()
		s := stopped()
		if round%2 == 1 {
			s = running()
		}
		c.send(s)
		b.start()
		w = b.startWatcher()
		i := b.item(wait(t, w.registered, "registration on the new bus", c.output))
		i.until("the newest status", func(text string) bool {
			return strings.Replace(text, "Done.  (disabled)\n", "", 1) == asText(s) // without the answer to the last round's click
		})
		checkPixels(t, i, View(s, Settings{}, time.Now()).Icon)
		if round%2 == 1 {
			i.click("Stop")
			c.expect("stop")
		} else {
			i.click("Start")
			c.expect("start")
		}
		i.until("the answer", has("Done.  (disabled)"))
	}
}

// Without a bus the tray goes on, starts none, and shows its icon when there is one.
func TestL4_NoBusAtStart(t *testing.T) {
	b := startBus(t)
	b.stop()
	c := b.runTray(running())
	b.start()
	w := b.startWatcher()
	wait(t, w.registered, "registration", c.output)
}

func TestL4_HeadlessEndsCleanly(t *testing.T) {
	c := runTray(t, running(), "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent/bus")
	c.closeInput()
	if err := wait(t, c.exited, "end", c.output); err != nil {
		t.Errorf("ended with %v\n%s", err, c.output())
	}
}

// Where the left button opens no menu it opens the dashboard (BEHAVIOUR L2:
// every click is answered).
func TestL2_LeftClickOnLXQt(t *testing.T) {
	for desktop, ours := range map[string]bool{"LXQt": true, "XFCE": false} {
		b := startBus(t)
		w := b.startWatcher()
		c := b.runTray(running(), "XDG_CURRENT_DESKTOP="+desktop)
		i := b.item(wait(t, w.registered, "registration", c.output))
		if i.prop("ItemIsMenu") == ours {
			t.Errorf("%s: ItemIsMenu is %v", desktop, ours)
		}
		if !ours {
			continue
		}
		if err := i.conn.Object(i.dest, "/StatusNotifierItem").Call("org.kde.StatusNotifierItem.Activate", 0, int32(0), int32(0)).Err; err != nil {
			t.Error(err)
		}
		c.expect("browse http://the-dashboard/")
	}
}

// A desktop without a tray is told once how to get one, and quietly if that is
// the user's wish.
func TestL4_NoHostIsSaidOnce(t *testing.T) {
	t.Setenv("XDG_CURRENT_DESKTOP", "ubuntu:GNOME")
	for _, quiet := range []bool{false, true} {
		b := startBus(t)
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		k := keeper{log: logger, notifier: newNotifier(nil, logger), texts: &english, quiet: quiet}
		conn := b.connect()
		if !quiet {
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { k.stay(ctx, conn); close(ended) }()
			if toast := <-k.notifier.queue; toast.Body != english.NoHostGNOME {
				t.Errorf("%+v", toast)
			}
			stop()
			<-ended
		}
		k.lookForHost(t.Context(), conn)
		k.lookForHost(t.Context(), conn)
		if n := strings.Count(log.String(), "no tray host"); n != 1 || len(k.notifier.queue) != 0 {
			t.Errorf("said %d times, %d more notifications", n, len(k.notifier.queue))
		}
	}
}

func TestL4_AHostIsSeen(t *testing.T) {
	b := startBus(t)
	b.startWatcher()
	k := keeper{log: slog.New(slog.DiscardHandler), notifier: newNotifier(nil, nil), texts: &english}
	k.lookForHost(t.Context(), b.connect())
	if k.noHost || len(k.notifier.queue) != 0 {
		t.Error("a host is there, but a notification says how to get one")
	}
}

func TestL4_RemedyForTheDesktop(t *testing.T) {
	for desktop, want := range map[string]string{"ubuntu:GNOME": "AppIndicator", "XFCE": "Status Tray", "X-Cinnamon": "status notifier", "": "status notifier"} {
		if toast := noHostToast(&english, desktop); !strings.Contains(toast.Body, want) {
			t.Errorf("%s: %s", desktop, toast.Body)
		}
	}
}
