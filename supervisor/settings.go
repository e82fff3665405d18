package supervisor

import "strconv"

// Settings are what a person may change while a supervisor runs.
type Settings struct {
	// Policy takes effect at once. Only the fields that people can set are used: the number
	// of allowed restarts, and the time for active work.
	Policy Policy

	// Port is the gateway's port; 0 means the port of OpenClaw's configuration. It takes
	// effect at the gateway's next start, together with the changes that Adopt makes. The
	// owner calls Adopt before that start.
	Port  int
	Adopt func()
	// Pending names the other settings that take effect at the next start. The owner calls
	// it. Adopt and Pending must not block.
	Pending func() []string
	// NoRequests switches off asking the person.
	NoRequests bool
	// Mistakes are the mistakes in the settings file, one sentence each.
	Mistakes []string

	moves bool // Port differs from the current port
}

// Configure applies new settings. It blocks until [Supervisor.Run] has begun.
func (s *Supervisor) Configure(n Settings) { s.send(func(o *owner) { o.configure(n) }) }

func (o *owner) configure(n Settings) {
	// Only these fields may change. Other goroutines read the rest of the policy without a
	// lock.
	p := &o.cfg.Policy
	p.Governor.Budget, p.Governor.Window = n.Policy.Governor.Budget, n.Policy.Governor.Window
	p.DrainStop, p.DrainRestart = n.Policy.DrainStop, n.Policy.DrainRestart
	o.desk.take(func(p *posture) { p.asks = !n.NoRequests })
	o.status.Pending, o.status.SettingsMistakes = n.Pending(), n.Mistakes
	if n.moves = n.Port != o.cfg.Port || n.Port != 0 && n.Port != o.status.Port; n.moves {
		what := "port of OpenClaw's configuration"
		if n.Port != 0 {
			what = "port " + strconv.Itoa(n.Port)
		}
		o.status.Pending = append([]string{what}, o.status.Pending...)
	}
	o.settings = &n
	if o.gen == nil || len(o.status.Pending) == 0 {
		o.useSettings()
	}
	o.status.Health = o.status.withSettings()
}

// useSettings makes the newest settings take effect for the next start. Call it only when no
// gateway runs, or when the new settings do not affect the running one.
func (o *owner) useSettings() {
	if o.settings == nil {
		return
	}
	o.settings.Adopt()
	if o.settings.moves {
		if o.cfg.Port = o.settings.Port; o.cfg.Port != 0 {
			o.status.Port = o.cfg.Port
		}
	}
	o.settings, o.status.Pending = nil, nil
}

// withSettings returns the health with the reasons about the settings.
func (s Status) withSettings() Health {
	h := s.Health.without(ReasonSettings, ReasonPending)
	if len(s.SettingsMistakes) > 0 {
		h = h.with(reason(ReasonSettings, s.SettingsMistakes))
	}
	if len(s.Pending) > 0 {
		h = h.with(reason(ReasonPending, s.Pending))
	}
	return h
}
