package supervisor

import "testing"

const otherPort = testPort + 1

func TestM1_MovesAwayFromAStranger(t *testing.T) {
	play(t, func(t *testing.T) *fakeHost {
		h := healthy(t)
		h.occupied = &Listener{PID: 4711, Name: "nginx"}
		return h
	}, nil, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != PortConflict {
			s.t.Fatal(err)
		}
		s.moves(s.Status().Cause.FreePort, ResultRunning)
		if s.host.occupied == nil || s.host.current().port != otherPort {
			s.t.Errorf("started on port %d", s.host.current().port)
		}
	})
}

func TestM1_MovesAwayFromAnAttachedGateway(t *testing.T) {
	play(t, visited, nil, func(s *scene) {
		s.start()
		s.moves(otherPort, ResultRunning)
		if st := s.Status(); st.Mode != Managed {
			s.t.Errorf("status %+v", st)
		}
		if _, err := s.host.stranger.Dial(s.t.Context(), "", ""); err != nil {
			s.t.Errorf("the other gateway is gone: %v", err)
		}
	})
}

func TestM1_MovesARunningGateway(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.moves(otherPort, ResultRunning)
		s.moves(otherPort, ResultAlreadyRunning)
		if n := s.host.launches(); n != 2 || len(s.Status().Incidents) != 0 {
			s.t.Errorf("%d launches, incidents %+v", n, s.Status().Incidents)
		}
	})
}

func TestM1_MovesAStoppedGatewayWithoutStartingIt(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		s.must(Request{Intent: Stop}, ResultStopped)
		s.moves(otherPort, ResultNothingToDo)
		if s.host.launches() != 1 {
			s.t.Error("it was started")
		}
		s.start()
		if s.host.current().port != otherPort {
			s.t.Errorf("started on port %d", s.host.current().port)
		}
	})
}

// moves calls UsePort and expects a result.
func (s *scene) moves(port int, want Result) {
	s.t.Helper()
	a, err := s.UsePort(s.t.Context(), port)
	if err != nil || a.Result != want {
		s.t.Fatalf("got %q, %v; want %q", a.Result, err, want)
	}
	if got := s.Status().Port; got != port {
		s.t.Errorf("the status says port %d", got)
	}
}
