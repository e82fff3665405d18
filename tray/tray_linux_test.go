package tray

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"clawtray/assets"
	"clawtray/supervisor"

	"github.com/godbus/dbus/v5"
)

// has returns a function that reports whether a menu has all of these lines.
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

// viewed returns the view of the tray program, see options.
func viewed(s supervisor.Status) Menu {
	return View(s, Settings{About: About{Files: options(nil, nil).Files}}, time.Now())
}

// asText returns the view in the form in which item.text reads the real menu.
func asText(s supervisor.Status) string {
	var b strings.Builder
	_, menu, _ := strings.Cut(viewed(s).String(), "\n")
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
	if id, title := i.prop("Id"), i.prop("Title"); id != "clawtray" || !strings.HasPrefix(title.(string), "OpenClaw Gateway: Running") {
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
		{"Restart", "restart"}, {"Restart when idle", "restart when idle"}, {"Open settings", "open config.toml"}, {"Reload configuration", "reload"}, {"Stop", "stop"},
		{"View logs", "open the log"}, {"Copy diagnostics", "copy diagnostics"}, {"Problems only", "notifications problems"},
	} {
		i.click(click.label)
		c.expect(click.does)
	}
	i.click("Start at login")
	i.until("the check marks", has("[x] Start at login", "        [x] Problems only", "        [ ] All"))

	i.click("Save diagnostics report")
	c.expect("report")
	c.expect("open /reports") // the folder of the saved report

	c.send(stopped())
	i.until("the stop", has("Start", "    Reload configuration (not running)  (disabled)"))
	i.click("Reload configuration (not running)") // some hosts send it
	i.click("Open Dashboard (not running)")
	i.click("Start")
	c.expect("start") // this is the first line, so the click before had no effect
	i.until("the answer", has("Done.  (disabled)"))

	c.send(supervisor.Status{State: supervisor.Failed, Since: time.Now(), Cause: supervisor.Cause{Code: supervisor.NodeMissing}})
	i.until("the remedy", has("Install OpenClaw", "Retry now"))
	i.click("Retry now")
	c.expect("retry")
	i.click("Install OpenClaw")
	c.expect("install")
	i.click("Quit")
	c.expect("quit")
	if err := wait(t, c.exited, "end", c.output); err != nil {
		t.Errorf("the tray program ended with %v\n%s", err, c.output())
	}
}

// L2: the menu changes its language at once, and the choice is saved.
func TestL2_LanguageOnTheBus(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	c := b.runTray(running())
	i := b.item(wait(t, w.registered, "registration", c.output))
	for _, step := range []struct{ click, saved, quit, mark string }{
		{"中文", "language zh", "退出并停止网关", "中文"}, {"English", "language en", "Quit and stop the gateway", "English"},
	} {
		i.click(step.click)
		c.expect(step.saved)
		i.until(step.saved, has(step.quit, "        [x] "+step.mark))
	}
}

// L2: in every status, each entry does what it says. Entries that cannot act do nothing,
// even if the panel sends a click.
func TestL2_EveryEntryOfEveryMenu(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	c := b.runTray(running(), staysEnv+"=1")
	i := b.item(wait(t, w.registered, "registration", c.output))
	other := map[ID]string{
		OpenDashboard: "browse http://the-dashboard/", ViewLogs: "open the log", CopyDiagnostics: "copy diagnostics",
		SaveReport: "report", ShowAll: "notifications all", ShowProblems: "notifications problems", ShowNone: "notifications none",
		"open-settings": "open config.toml", OpenClawConfig: "open openclaw.json", ApproveDevice: "copy clawtray openclaw devices approve 9f3",
		UsePort: "use 18790", ChoosePort: "open config.toml",
	}
	clicked := map[string]bool{}
	for name, s := range pictures() {
		if strings.HasPrefix(name, "starting-") && name != "starting-slow" {
			continue // the entries are the same in every phase
		}
		s.Incidents = nil
		c.send(s)
		want := viewed(s)
		i.until(name, func(text string) bool { return sameEntries(text, asText(s)) })
		eachItem(want.Items, func(it Item) {
			silent := it.ID == StartAtLogin || it.ID == NoteLine || it.Does == DetailLine || it.Does == "about-" || it.ID == History
			if it.Hidden || len(it.Sub) > 0 || silent || strings.HasPrefix(string(it.ID), "language-") { // the language changes all labels
				return
			}
			does := other[it.Does]
			if it.Request.Intent != "" {
				does = asked(it.Request)
			}
			i.click(it.Title)
			if it.Disabled {
				return // the next line would belong to another entry
			}
			c.expect(does)
			clicked[does] = true
			if it.ID == SaveReport {
				c.expect("open /reports")
			}
		})
	}
	for _, does := range []string{"start", "stop", "stop now", "restart", "reload", "retry", "take-over", "quit", "quit now", "install", "use 18790", "notifications none", "quit when idle", "restart when idle", "restart now", "browse http://the-dashboard/"} {
		if !clicked[does] {
			t.Errorf("no menu offers %q", does)
		}
	}
}

// history is what was told, which depends on the statuses before.
var history = regexp.MustCompile(`(?m)^    Recent notifications.*\n(        .*\n)*`)

// sameEntries compares menus below their first separator, without the history, because the
// lines above contain the result of the last click.
func sameEntries(a, b string) bool {
	_, a, _ = strings.Cut(a, "----\n")
	_, b, _ = strings.Cut(b, "----\n")
	a, b = history.ReplaceAllString(a, ""), history.ReplaceAllString(b, "")
	for _, checked := range []string{"[x] ", "[ ] "} { // the mark of the notification level, which the test changes
		a, b = strings.ReplaceAll(a, checked, ""), strings.ReplaceAll(b, checked, "")
	}
	return a == b
}

// L2: a status that looks the same sends nothing over the bus.
func TestL2_NothingVisibleNothingSent(t *testing.T) {
	b := startBus(t)
	w := b.startWatcher()
	s := running()
	c := b.runTray(s)
	i := b.item(wait(t, w.registered, "registration", c.output))
	i.text()
	<-i.sigs // the update after the menu was first read
	for range 50 {
		s.ConnectedAt = time.Now()
		c.send(s)
	}
	c.send(stopped()) // a visible change, for which the test can wait
	i.until("the stop", has("Start"))
	pings := 0
	for len(i.sigs) > 0 {
		<-i.sigs
		pings++
	}
	// A change of icon, tooltip and a few entries; each entry sends two signals.
	if pings > 60 {
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
	if toast.Title != english.toast.PersonTitle || !toast.Urgent || !strings.Contains(toast.Body, "‹b›nc‹/b›") {
		t.Errorf("%+v", toast)
	}
	back := running()
	c.send(back)
	if toast = wait(t, n.got, "second notification", c.output); toast.Title != english.toast.BackTitle {
		t.Errorf("%+v", toast)
	}
	// Signals of the notification server must not end the watch over the panel.
	w.conn.Close()
	w = b.startWatcher()
	wait(t, w.registered, "registration after a notification", c.output)
}

// L5: a second start from the desktop shows the state of the gateway, as safely as the tray
// does.
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

// L4: the bus ends three times, once while the status changes. The icon comes back with the
// newest status, and clicks work (fyne.io/systray issues 121 and 122).
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
			return sameEntries(text, asText(s)) // without the result of the last click
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

// L4: without a bus, the tray continues, starts none, and shows its icon when there is one.
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

// L2: where the left button opens no menu, it opens the dashboard, because every click is
// answered.
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

// L4: on a desktop without a tray, the user is told once how to get one, but only in the
// log if the user wants no notifications.
func TestL4_NoHostIsSaidOnce(t *testing.T) {
	t.Setenv("XDG_CURRENT_DESKTOP", "ubuntu:GNOME")
	for _, quiet := range []bool{false, true} {
		b := startBus(t)
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		k := keeper{log: logger, notifier: newNotifier(toastFunc(nil), logger, nil), texts: &english, quiet: quiet}
		conn := b.connect()
		if !quiet {
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { k.stay(ctx, conn, nil); close(ended) }()
			<-k.notifier.wake
			if _, toast, _ := k.notifier.take(); !strings.HasPrefix(toast.Body, english.toast.noHost["gnome"]) {
				t.Errorf("%+v", toast)
			}
			stop()
			<-ended
		}
		k.lookForHost(t.Context(), conn)
		k.lookForHost(t.Context(), conn)
		if n := strings.Count(log.String(), "no tray host"); n != 1 || len(k.notifier.want) != 0 {
			t.Errorf("said %d times, %d more notifications", n, len(k.notifier.want))
		}
	}
}

// L4: a panel that systray has not told of the icon, because it came up in the moment in
// which systray did, gets the icon all the same, once. Nobody calls systray in this test.
func TestL4_APanelThatSystrayMissed(t *testing.T) {
	for _, when := range []string{"before", "later"} {
		t.Run(when, func(t *testing.T) {
			b := startBus(t)
			conn := b.connect()
			panels := panelsOf(conn)
			k := keeper{log: slog.New(slog.DiscardHandler), notifier: newNotifier(toastFunc(nil), nil, nil), texts: &english, grace: time.Hour}
			var w *watcher
			if when == "before" {
				w = b.startWatcher()
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { k.stay(ctx, conn, panels); close(ended) }()
			if when == "later" {
				w = b.startWatcher()
			}
			if got := wait(t, w.registered, "registration", func() string { return "" }); got != conn.Names()[0] {
				t.Errorf("registered %s, not %s", got, conn.Names()[0])
			}
			stop()
			<-ended
			for range len(w.registered) { // one more while the first was on its way does no harm
				<-w.registered
			}
			k.register(t.Context(), conn)
			if len(w.registered) != 0 {
				t.Error("a panel that knows the icon was told again")
			}
		})
	}
}

func TestL4_AHostIsSeen(t *testing.T) {
	b := startBus(t)
	b.startWatcher()
	k := keeper{log: slog.New(slog.DiscardHandler), notifier: newNotifier(toastFunc(nil), nil, nil), texts: &english}
	k.lookForHost(t.Context(), b.connect())
	if k.noHost || len(k.notifier.want) != 0 {
		t.Error("a host is there, but a notification says how to get one")
	}
}

// XD6: the advice begins with what to do, and is right for the desktop.
func TestXD6_RemedyForTheDesktop(t *testing.T) {
	b := startBus(t)
	for desktop, want := range map[string]string{
		"ubuntu:GNOME": "Install the extension AppIndicator", "XFCE": "Add the item Status Tray", "X-Cinnamon": "Install and start xapp-sn-watcher",
		"Budgie:GNOME": "Add the applet System Tray", "i3": "Start snixembed", "sway": "Add the module tray", "KDE": "Add the widget System Tray", "": "Add a system tray",
	} {
		for _, t2 := range []*texts{&english, &chinese} {
			advice := noHostAdvice(t.Context(), b.connect(), t2, desktop)
			if t2 == &english && !strings.HasPrefix(advice, want) || !strings.Contains(advice, "clawtray status") {
				t.Errorf("%s: %s", desktop, advice)
			}
		}
	}
}
