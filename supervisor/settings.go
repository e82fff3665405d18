package supervisor

import "strconv"

// Settings is what a person may change while a supervisor works.
type Settings struct {
	// Policy is in force at once, as far as people can set it: the restarts that are
	// allowed, and the time for active work.
	Policy Policy

	// Port is in force from the gateway's next start on, and so is what Adopt
	// changes. The owner calls Adopt before that start.
	Port  int
	Adopt func()
	// Pending names what else than the port the next start will use and the running
	// gateway does not. The owner calls it, too; neither may block.
	Pending func() []string
	// Mistakes are those of the settings file, a sentence each.
	Mistakes []string

	moves bool // Port is not the one in force
}

// Configure puts settings in force. It waits for [Supervisor.Run] to begin.
func (s *Supervisor) Configure(n Settings) { s.send(func(o *owner) { o.configure(n) }) }

func (o *owner) configure(n Settings) {
	// Only these are a person's; others of the policy are read beside the owner.
	p := &o.cfg.Policy
	p.Governor.Budget, p.Governor.Window = n.Policy.Governor.Budget, n.Policy.Governor.Window
	p.DrainStop, p.DrainRestart = n.Policy.DrainStop, n.Policy.DrainRestart
	o.status.Pending, o.status.SettingsMistakes = n.Pending(), n.Mistakes
	if n.moves = n.Port != o.status.Port; n.moves {
		o.status.Pending = append([]string{"port " + strconv.Itoa(n.Port)}, o.status.Pending...)
	}
	o.settings = &n
	if o.gen == nil || len(o.status.Pending) == 0 {
		o.adopt()
	}
	o.status.Health = o.status.withSettings()
}

// adopt makes the newest settings those of the gateway that is started next. None
// runs, or they are no others for it.
func (o *owner) adopt() {
	if o.settings == nil {
		return
	}
	o.settings.Adopt()
	if o.settings.moves {
		o.cfg.Port, o.status.Port = o.settings.Port, o.settings.Port
	}
	o.settings, o.status.Pending = nil, nil
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
