package supervisor

import "context"

// UsePort moves the gateway to another port of 127.0.0.1. One of ours is
// restarted there; somebody else's is let go of, and whatever has the old port is
// left alone (BEHAVIOUR M1). It waits like [Supervisor.Do]. A gateway that was
// stopped stays so, and starts there later.
func (s *Supervisor) UsePort(ctx context.Context, port int) (Answer, error) {
	starts := make(chan bool, 1)
	select {
	case s.inbox <- func(o *owner) {
		now := o.move(port)
		o.publish() // whoever is answered sees it
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

// move makes the next generation use the port, and reports whether that has to
// come now.
func (o *owner) move(port int) bool {
	same := o.cfg.Port == port
	o.cfg.Port = port
	switch {
	case o.quit != nil:
		return false
	case o.gen == nil && o.status.State == Stopped:
		o.status.Port = port
		return false
	case o.gen != nil && !o.gen.ending && !same:
		o.end(&order{For: "restart", Drain: o.cfg.Policy.DrainRestart, Cause: Cause{Code: UserRestart}})
	}
	return true
}
