package supervisor

import "context"

// UsePort makes the gateway use another port, and waits like [Supervisor.Do]. A gateway of
// ours is restarted there, but only when it can start on that port (XU11). From a gateway
// of somebody else we disconnect, and we leave the program on the old port alone (BEHAVIOUR
// M1). A stopped gateway stays stopped and uses the port at its next start.
func (s *Supervisor) UsePort(ctx context.Context, port int) (Answer, error) {
	if err := s.movable(ctx, port); err != nil {
		return Answer{Result: ResultRejected, Message: err.Error(), Status: s.Status()}, err
	}
	starts := make(chan bool, 1)
	select {
	case s.inbox <- func(o *owner) {
		now := o.move(port)
		o.publish() // publish first, so that the caller sees the new port
		starts <- now
	}:
	case <-ctx.Done():
		return Answer{Status: s.Status()}, ctx.Err()
	case <-s.ended:
		return Answer{Status: s.Status()}, ErrEnded
	}
	if !<-starts {
		return Answer{Result: ResultNothingToDo, Message: "The gateway will use the port when it starts.", Status: s.Status()}, nil
	}
	return s.Do(ctx, Request{Intent: Retry})
}

// movable returns why our running gateway could not be started again on the port; nil when
// it could, or when no gateway of ours runs.
func (s *Supervisor) movable(ctx context.Context, port int) error {
	st := s.Status()
	if st.Mode != Managed || !st.Facts.ProcessAlive || st.Port == port {
		return nil
	}
	asked := make(chan Config, 1)
	s.send(func(o *owner) { asked <- o.cfg })
	var cfg Config
	select {
	case cfg = <-asked:
	case <-s.ended:
		return nil // UsePort then returns ErrEnded
	}
	cfg.Port = port
	g := &generation{tools: tools{cfg: &cfg, p: cfg.Policy, host: s.host, log: s.log}}
	if err := g.unstartable(ctx); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	if by, err := s.host.Listener(limited, port, 0); err == nil {
		return portConflict(by, port, s.host.FreePort(limited, port))
	}
	return nil
}

// move makes the next generation use the port, and reports whether a start has to follow
// now.
func (o *owner) move(port int) bool {
	same := o.cfg.Port == port
	o.cfg.Port = port
	switch {
	case o.quit != nil:
		return false
	case o.gen == nil && o.status.State == Stopped:
		o.status.Port = port
		return false
	case o.gen != nil && o.gen.goesDown() && !o.wanted: // a stop is under way, so the gateway stays stopped
		return false
	case o.gen != nil && !o.gen.goesDown() && !same:
		o.end(&order{For: forRestart, Drain: o.cfg.Policy.DrainRestart, Cause: Cause{Code: UserRestart}})
	}
	return true
}
