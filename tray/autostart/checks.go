package autostart

import (
	"context"
	"fmt"

	"clawtray/supervisor/doctor"
	"clawtray/supervisor/words"
)

// Check looks at clawtray's own entry.
func (l Login) Check(t words.Doctor) doctor.Check {
	const name = "autostart"
	found := func(level doctor.Level, detail, remedy string) []doctor.Finding {
		return []doctor.Finding{{Name: name, Level: level, Detail: detail, Remedy: remedy}}
	}
	return doctor.Check{Name: name, Look: func(context.Context) []doctor.Finding {
		on, err := l.Enabled()
		other := ""
		if on && err == nil {
			other, err = l.starts()
		}
		switch {
		case err != nil:
			return found(doctor.Problem, fmt.Sprintf(t.LoginUnreadable, err), t.LoginRemedy)
		case !on:
			return found(doctor.OK, t.LoginOff, "")
		case other != l.Program:
			return found(doctor.Warning, fmt.Sprintf(t.LoginOther, other), t.LoginOtherRemedy)
		}
		return found(doctor.OK, fmt.Sprintf(t.LoginOn, l.Program), "")
	}}
}

// CheckService looks for OpenClaw's own service, which clawtray never changes.
func CheckService(t words.Doctor) doctor.Check {
	const name = "openclaw-service"
	return doctor.Check{Name: name, Look: func(context.Context) []doctor.Finding {
		f := doctor.Finding{Name: name, Level: doctor.OK, Detail: t.NoService}
		if where := Service(); where != "" {
			f.Detail = fmt.Sprintf(t.Service, where)
		}
		return []doctor.Finding{f}
	}}
}
