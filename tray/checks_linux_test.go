package tray

import (
	"strings"
	"testing"

	"clawtray/supervisor/doctor"
	"clawtray/supervisor/words"
	"clawtray/supervisor/words/wordstest"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// look runs the checks on a bus; desktop is the value of XDG_CURRENT_DESKTOP.
func look(t *testing.T, b *bus, desktop string) map[string]doctor.Finding {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", b.addr)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", b.addr)
	t.Setenv("XDG_CURRENT_DESKTOP", desktop)
	found := map[string]doctor.Finding{}
	for _, f := range doctor.Examine(t.Context(), Checks("en"), words.English.Doctor, func(s string) string { return s }) {
		found[f.Name] = f
	}
	return found
}

// XT9: in Chinese no finding about the desktop is left in English.
func TestXT9_DesktopFindingsInChinese(t *testing.T) {
	b := startBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", b.addr)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", b.addr)
	t.Setenv("XDG_CURRENT_DESKTOP", "XFCE")
	for _, comes := range []func(){func() {}, func() { b.startWatcher() }, func() { b.startNotifications() }} {
		comes()
		for _, f := range doctor.Examine(t.Context(), Checks("zh"), words.Chinese.Doctor, func(s string) string { return s }) {
			detail, _, _ := strings.Cut(f.Detail, "：") // what follows are a program's words
			if english := wordstest.English(detail + "|" + f.Remedy); english != "" {
				t.Errorf("%s: %q is left in English: %s, %s", f.Name, english, f.Detail, f.Remedy)
			}
		}
	}
}

func expectFinding(t *testing.T, f doctor.Finding, level doctor.Level, detail, remedy string) {
	t.Helper()
	if f.Level != level || !strings.Contains(f.Detail, detail) || !strings.Contains(f.Remedy, remedy) {
		t.Errorf("got %+v\nwant %s: %s | %s", f, level, detail, remedy)
	}
}

func TestN4_ADesktopWithEverything(t *testing.T) {
	b := startBus(t)
	b.startWatcher()
	b.startNotifications()
	b.own(b.connect(), "org.freedesktop.login1")
	got := look(t, b, "XFCE")
	for name, f := range got {
		if f.Level != doctor.OK && name != "notifications" { // this notification server does not tell its name
			t.Errorf("%+v", f)
		}
	}
	expectFinding(t, got["tray"], doctor.OK, "icons are shown on XFCE", "")
	expectFinding(t, got["logind"], doctor.OK, "tells of sleep", "")
	expectFinding(t, got["notifications"], doctor.Problem, "does not answer", "Restart it")
}

func TestN4_ADesktopWithNothing(t *testing.T) {
	got := look(t, startBus(t), "ubuntu:XFCE")
	expectFinding(t, got["session-bus"], doctor.OK, "answers", "")
	expectFinding(t, got["tray"], doctor.Warning, "nothing shows tray icons on ubuntu:XFCE", "Status Tray Plugin")
	expectFinding(t, got["notifications"], doctor.Warning, "nothing shows notifications", "dunst")
	expectFinding(t, got["logind"], doctor.OK, "noticed by the clock", "")
}

func TestN4_AWatcherWithoutAPanel(t *testing.T) {
	const name = "org.kde.StatusNotifierWatcher"
	b := startBus(t)
	c := b.connect()
	if _, err := prop.Export(c, "/StatusNotifierWatcher", prop.Map{name: {"IsStatusNotifierHostRegistered": {Value: false}}}); err != nil {
		t.Fatal(err)
	}
	b.own(c, name)
	expectFinding(t, look(t, b, "sway")["tray"], doctor.Warning, "no panel that shows them", "Waybar")
}

func TestN4_NoSessionBus(t *testing.T) {
	b := &bus{addr: "unix:path=" + t.TempDir() + "/none"}
	got := look(t, b, "")
	expectFinding(t, got["session-bus"], doctor.Warning, "neither icon nor notifications", "--headless")
	if len(got) != 2 { // the bus and logind
		t.Errorf("got %+v", got)
	}
}

// shell acts as the GNOME shell, which knows one extension.
type shell struct {
	id    string
	state float64
}

func (s shell) GetExtensionInfo(id string) (map[string]dbus.Variant, *dbus.Error) {
	if id != s.id {
		return map[string]dbus.Variant{}, nil
	}
	return map[string]dbus.Variant{"uuid": dbus.MakeVariant(id), "state": dbus.MakeVariant(s.state)}, nil
}

func TestN4_GNOMESaysWhichExtension(t *testing.T) {
	for name, c := range map[string]struct {
		shell  shell
		remedy string
	}{
		"missing":  {shell{}, "Install the extension AppIndicator"},
		"disabled": {shell{"ubuntu-appindicators@ubuntu.com", 2}, "gnome-extensions enable ubuntu-appindicators@ubuntu.com"},
		"enabled":  {shell{"appindicatorsupport@rgcjonas.gmail.com", 1}, "clawtray status"},
	} {
		b := startBus(t)
		conn := b.connect()
		if err := conn.Export(c.shell, "/org/gnome/Shell", "org.gnome.Shell.Extensions"); err != nil {
			t.Fatal(err)
		}
		b.own(conn, "org.gnome.Shell")
		f := look(t, b, "GNOME")["tray"]
		t.Log(name)
		expectFinding(t, f, doctor.Warning, "nothing shows tray icons on GNOME", c.remedy)
	}
}
