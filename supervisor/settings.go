package supervisor

// Settings is what a person may change while a supervisor works.
type Settings struct {
	Policy Policy // in force at once

	// Port is in force from the gateway's next start on, and so is what Adopt
	// changes. The owner calls Adopt right before that start.
	Port  int
	Adopt func()
	// Pending names what the next start will use and the running gateway does not:
	// "port 19000". The owner calls it, too; neither may block.
	Pending func() []string
	// Mistakes are those of the settings file, a sentence each.
	Mistakes []string
}

// Configure puts settings in force. It waits for [Supervisor.Run] to begin.
func (s *Supervisor) Configure(n Settings) { s.send(func(o *owner) { o.configure(n) }) }

func (o *owner) configure(n Settings) {
	o.cfg.Policy = n.Policy
	o.next = &n
	o.status.Pending, o.status.SettingsMistakes = n.Pending(), n.Mistakes
	if o.gen == nil {
		o.adopt()
	}
	o.status.Health = o.status.withSettings()
}

// adopt makes the newest settings those of the gateway that is started next. No
// gateway runs.
func (o *owner) adopt() {
	if o.next == nil {
		return
	}
	o.next.Adopt()
	o.cfg.Port, o.status.Port, o.status.Pending = o.next.Port, o.next.Port, nil
	o.next = nil
}

// withSettings is the health with what is to be said about the settings.
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
