package autostart

import (
	"context"

	"clawtray/supervisor/doctor"
)

// Check is about clawtray's own entry.
func (l Login) Check() doctor.Check {
	const name = "autostart"
	found := func(level doctor.Level, detail, remedy string) []doctor.Finding {
		return []doctor.Finding{{Name: name, Level: level, Detail: detail, Remedy: remedy}}
	}
	return doctor.Check{Name: name, Look: func(context.Context) []doctor.Finding {
		on, err := l.Enabled()
		same := false
		if on && err == nil {
			same, err = current(l)
		}
		switch {
		case err != nil:
			return found(doctor.Problem, "the entry cannot be read: "+err.Error(), "Switch Start at login off and on again.")
		case !on:
			return found(doctor.OK, "off", "")
		case !same:
			return found(doctor.Warning, "starts another clawtray at login than "+l.Program, "Start this one once: it corrects the entry.")
		}
		return found(doctor.OK, "on, starts "+l.Program, "")
	}}
}

// CheckService is about OpenClaw's own service, which is never touched.
func CheckService() doctor.Check {
	const name = "openclaw-service"
	return doctor.Check{Name: name, Look: func(context.Context) []doctor.Finding {
		f := doctor.Finding{Name: name, Level: doctor.OK, Detail: "none"}
		if where := Service(); where != "" {
			f.Detail = where + "; clawtray attaches to its gateway and leaves the service alone"
		}
		return []doctor.Finding{f}
	}}
}
