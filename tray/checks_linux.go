package tray

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"clawtray/supervisor/doctor"
)

// Checks look at what this desktop offers a tray program (BEHAVIOUR L4, N4).
// Nothing is started: a service that is not there yet stays away.
func Checks() []doctor.Check {
	onBus := func(look func(context.Context, *dbus.Conn) []doctor.Finding) func(context.Context) []doctor.Finding {
		return func(ctx context.Context) []doctor.Finding {
			conn, err := dialSessionBus(ctx)
			if err != nil {
				return nil // the first check says it
			}
			defer conn.Close()
			return look(ctx, conn)
		}
	}
	return []doctor.Check{
		{Name: "session-bus", Look: checkSessionBus},
		{Name: "tray", Look: onBus(checkHost)},
		{Name: "notifications", Look: onBus(checkNotifications)},
		{Name: "logind", Look: checkLogind},
	}
}

func found(name string, level doctor.Level, detail, remedy string) []doctor.Finding {
	return []doctor.Finding{{Name: name, Level: level, Detail: detail, Remedy: remedy}}
}

func checkSessionBus(ctx context.Context) []doctor.Finding {
	conn, err := dialSessionBus(ctx)
	if err != nil {
		return found("session-bus", doctor.Warning, "none, so neither icon nor notifications: "+err.Error(),
			"Run clawtray in a desktop session, or use `clawtray --headless` and the commands.")
	}
	defer conn.Close()
	return found("session-bus", doctor.OK, "answers", "")
}

// checkHost is about who draws the icon.
func checkHost(ctx context.Context, conn *dbus.Conn) []doctor.Finding {
	desktop := os.Getenv("XDG_CURRENT_DESKTOP")
	remedy := noHostToast(&english, desktop).Body
	if desktop == "" {
		desktop = "an unnamed desktop"
	}
	names, err := busNames(ctx, conn, "ListNames")
	if err != nil {
		return found("tray", doctor.Problem, "the session bus does not answer: "+err.Error(), "Log out and in again.")
	}
	if slices.Contains(names, "org.gnome.Shell") {
		if words := gnomeExtension(ctx, conn); words != "" {
			remedy = words
		}
	}
	const watcher = "org.kde.StatusNotifierWatcher"
	if !slices.Contains(names, watcher) {
		return found("tray", doctor.Warning, "nothing shows tray icons on "+desktop, remedy)
	}
	var there dbus.Variant
	err = conn.Object(watcher, "/StatusNotifierWatcher").
		CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart, watcher, "IsStatusNotifierHostRegistered").Store(&there)
	if err != nil {
		return found("tray", doctor.Problem, "the tray of "+desktop+" does not answer: "+err.Error(), "Restart the panel, or log out and in again.")
	}
	if shown, _ := there.Value().(bool); !shown {
		return found("tray", doctor.Warning, "there is a watcher for tray icons on "+desktop+", but no panel that shows them", remedy)
	}
	return found("tray", doctor.OK, "icons are shown on "+desktop, "")
}

// gnomeExtensions show tray icons in GNOME: the original, and Ubuntu's.
var gnomeExtensions = []string{"appindicatorsupport@rgcjonas.gmail.com", "ubuntu-appindicators@ubuntu.com"}

// gnomeExtension says what to do about the extension; empty when it is enabled
// or the shell does not tell.
func gnomeExtension(ctx context.Context, conn *dbus.Conn) string {
	const enabled = 1.0 // org.gnome.Shell.Extensions: ENABLED, or ACTIVE from GNOME 46 on
	installed := ""
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
		installed = id
	}
	if installed == "" {
		return "Install the GNOME extension " + gnomeExtensions[0] + " (in Debian and Ubuntu: gnome-shell-extension-appindicator), then log out and in."
	}
	return "Run `gnome-extensions enable " + installed + "`."
}

func checkNotifications(ctx context.Context, conn *dbus.Conn) []doctor.Finding {
	const server = "org.freedesktop.Notifications"
	names, err := busNames(ctx, conn, "ListNames")
	if err == nil && !slices.Contains(names, server) {
		if names, err = busNames(ctx, conn, "ListActivatableNames"); err == nil && slices.Contains(names, server) {
			return found("notifications", doctor.OK, "shown by a program that starts when there is one", "")
		}
		return found("notifications", doctor.Warning, "nothing shows notifications", "Install a notification daemon such as dunst, if you want to be told of trouble.")
	}
	var name, vendor, version, spec string
	if err == nil {
		err = conn.Object(server, "/org/freedesktop/Notifications").
			CallWithContext(ctx, server+".GetServerInformation", dbus.FlagNoAutoStart).Store(&name, &vendor, &version, &spec)
	}
	if err != nil {
		return found("notifications", doctor.Problem, "the notification server does not answer: "+err.Error(), "Restart it, or log out and in again.")
	}
	return found("notifications", doctor.OK, strings.TrimSpace("shown by "+name+" "+version), "")
}

// checkLogind is about sleep and logout; without logind the clock tells of sleep.
func checkLogind(ctx context.Context) []doctor.Finding {
	const logind = "org.freedesktop.login1"
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return found("logind", doctor.OK, "no system bus; sleep is noticed by the clock, within half a minute", "")
	}
	defer conn.Close()
	for _, list := range []string{"ListNames", "ListActivatableNames"} {
		if names, err := busNames(ctx, conn, list); err == nil && slices.Contains(names, logind) {
			return found("logind", doctor.OK, "tells of sleep and logout", "")
		}
	}
	return found("logind", doctor.OK, fmt.Sprintf("%s is not on the system bus; sleep is noticed by the clock, within half a minute", logind), "")
}

func busNames(ctx context.Context, conn *dbus.Conn, list string) (names []string, err error) {
	err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus."+list, 0).Store(&names)
	return names, err
}
