package tray

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"clawtray/supervisor/doctor"
	"clawtray/supervisor/words"
)

// Checks look at what this desktop offers a tray program (BEHAVIOUR L4, N4).
// They start nothing: D-Bus must not activate a service because we ask for it.
func Checks(language string) []doctor.Check {
	v := desktopVoice{words.Of(language), textsFor(language)}
	onBus := func(look func(context.Context, *dbus.Conn) []doctor.Finding) func(context.Context) []doctor.Finding {
		return func(ctx context.Context) []doctor.Finding {
			conn, err := dialSessionBus(ctx)
			if err != nil {
				return nil // checkSessionBus reports this error
			}
			defer conn.Close()
			return look(ctx, conn)
		}
	}
	return []doctor.Check{
		{Name: "session-bus", Look: v.checkSessionBus},
		{Name: "tray", Look: onBus(v.checkHost)},
		{Name: "notifications", Look: onBus(v.checkNotifications)},
		{Name: "logind", Look: v.checkLogind},
	}
}

// desktopVoice is the language of the findings.
type desktopVoice struct {
	*words.Texts
	tray *texts
}

// failing is a sentence that ends with an error.
func (v desktopVoice) failing(sentence string, err error) string {
	return fmt.Sprintf(sentence, v.Translate(err.Error()))
}

func found(name string, level doctor.Level, detail, remedy string) []doctor.Finding {
	return []doctor.Finding{{Name: name, Level: level, Detail: detail, Remedy: remedy}}
}

func (v desktopVoice) checkSessionBus(ctx context.Context) []doctor.Finding {
	conn, err := dialSessionBus(ctx)
	if err != nil {
		return found("session-bus", doctor.Warning, v.failing(v.Desktop.NoBus, err), v.Desktop.NoBusRemedy)
	}
	defer conn.Close()
	return found("session-bus", doctor.OK, v.Desktop.Answers, "")
}

// checkHost looks for the program that draws the icon.
func (v desktopVoice) checkHost(ctx context.Context, conn *dbus.Conn) []doctor.Finding {
	desktop := os.Getenv("XDG_CURRENT_DESKTOP")
	remedy := noHostAdvice(ctx, conn, v.tray, desktop)
	if desktop == "" {
		desktop = v.Desktop.Unnamed
	}
	names, err := busNames(ctx, conn, "ListNames")
	if err != nil {
		return found("tray", doctor.Problem, v.failing(v.Desktop.BusSilent, err), v.Desktop.LogInAgain)
	}
	const watcher = "org.kde.StatusNotifierWatcher"
	if !slices.Contains(names, watcher) {
		return found("tray", doctor.Warning, fmt.Sprintf(v.Desktop.NoIcons, desktop), remedy)
	}
	var there dbus.Variant
	err = conn.Object(watcher, "/StatusNotifierWatcher").
		CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, watcher, "IsStatusNotifierHostRegistered").Store(&there)
	if err != nil {
		return found("tray", doctor.Problem, fmt.Sprintf(v.Desktop.TraySilent, desktop, v.Translate(err.Error())), v.Desktop.RestartPanel)
	}
	if shown, _ := there.Value().(bool); !shown {
		return found("tray", doctor.Warning, fmt.Sprintf(v.Desktop.NoPanel, desktop), remedy)
	}
	return found("tray", doctor.OK, fmt.Sprintf(v.Desktop.Icons, desktop), "")
}

// gnomeExtensions are the GNOME extensions that show tray icons: the original and Ubuntu's.
var gnomeExtensions = []string{"appindicatorsupport@rgcjonas.gmail.com", "ubuntu-appindicators@ubuntu.com"}

// gnomeExtensionOff returns the extension that is installed but not enabled; empty when
// there is none or the shell does not tell.
func gnomeExtensionOff(ctx context.Context, conn *dbus.Conn) string {
	const enabled = 1.0 // org.gnome.Shell.Extensions: ENABLED, or ACTIVE from GNOME 46 on
	off := ""
	for _, id := range gnomeExtensions {
		var info map[string]dbus.Variant
		err := conn.Object("org.gnome.Shell", "/org/gnome/Shell").
			CallWithContext(ctx, "org.gnome.Shell.Extensions.GetExtensionInfo", dbus.FlagNoAutoStart, id).Store(&info)
		if err != nil {
			return ""
		}
		if len(info) == 0 {
			continue
		}
		if state, _ := info["state"].Value().(float64); state == enabled {
			return ""
		}
		off = id
	}
	return off
}

func (v desktopVoice) checkNotifications(ctx context.Context, conn *dbus.Conn) []doctor.Finding {
	const server = "org.freedesktop.Notifications"
	names, err := busNames(ctx, conn, "ListNames")
	if err == nil && !slices.Contains(names, server) {
		if names, err = busNames(ctx, conn, "ListActivatableNames"); err == nil && slices.Contains(names, server) {
			return found("notifications", doctor.OK, v.Desktop.NotifiesOnDemand, "")
		}
		return found("notifications", doctor.Warning, v.Desktop.NoNotifications, v.Desktop.InstallDaemon)
	}
	var name, vendor, version, spec string
	if err == nil {
		err = conn.Object(server, "/org/freedesktop/Notifications").
			CallWithContext(ctx, server+".GetServerInformation", dbus.FlagNoAutoStart).Store(&name, &vendor, &version, &spec)
	}
	if err != nil {
		return found("notifications", doctor.Problem, v.failing(v.Desktop.NotificationsSilent, err), v.Desktop.RestartServer)
	}
	return found("notifications", doctor.OK, fmt.Sprintf(v.Desktop.NotificationsBy, strings.TrimSpace(name+" "+version)), "")
}

// checkLogind looks for logind, which announces sleep and logout. Without it clawtray
// notices sleep by the clock.
func (v desktopVoice) checkLogind(ctx context.Context) []doctor.Finding {
	const logind = "org.freedesktop.login1"
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return found("logind", doctor.OK, v.Desktop.NoSystemBus, "")
	}
	defer conn.Close()
	for _, list := range []string{"ListNames", "ListActivatableNames"} {
		if names, err := busNames(ctx, conn, list); err == nil && slices.Contains(names, logind) {
			return found("logind", doctor.OK, v.Desktop.Sleep, "")
		}
	}
	return found("logind", doctor.OK, fmt.Sprintf(v.Desktop.NoLogind, logind), "")
}

func busNames(ctx context.Context, conn *dbus.Conn, list string) (names []string, err error) {
	err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus."+list, 0).Store(&names)
	return names, err
}
