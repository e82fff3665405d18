package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor/requests"
)

// asker implements a gateway's approvals: it asks clients that declare themselves a
// surface, and takes the first answer.
type asker struct {
	mu      sync.Mutex
	gw      *gatewaytest.Gateway // the newest gateway
	pending map[string]time.Time // when each request expires
	answers []string
	lists   int
	refuse  *gatewaytest.Error // error with which it refuses every answer
	hang    bool               // calls that answer a request get no reply
	late    chan struct{}      // replies to list calls wait for it
}

func (a *asker) do(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

func (a *asker) on(gw *gatewaytest.Gateway) {
	a.do(func() { a.gw, a.pending = gw, map[string]time.Time{} })
	gw.Handle("exec.approval.list", func(*gatewaytest.Request) (any, *gatewaytest.Error) {
		var late chan struct{}
		list := []any{}
		a.do(func() {
			a.lists++
			late = a.late
			for id, expires := range a.pending {
				if time.Now().Before(expires) {
					list = append(list, request(id, expires))
				}
			}
		})
		if late != nil {
			<-late
		}
		return list, nil
	})
	gw.Handle("exec.approval.resolve", func(r *gatewaytest.Request) (any, *gatewaytest.Error) {
		var p struct{ ID, Decision string }
		json.Unmarshal(r.Params, &p)
		a.mu.Lock()
		defer a.mu.Unlock()
		expires, there := a.pending[p.ID]
		switch {
		case a.hang:
			return gatewaytest.NoAnswer, nil
		case a.refuse != nil:
			return nil, a.refuse
		case !there || !time.Now().Before(expires):
			return nil, &gatewaytest.Error{Code: "INVALID_REQUEST", Message: "unknown or expired approval id", Details: map[string]any{"reason": "APPROVAL_NOT_FOUND"}}
		}
		delete(a.pending, p.ID)
		a.answers = append(a.answers, p.ID+" "+p.Decision)
		return map[string]any{"ok": true}, nil
	})
}

func request(id string, expires time.Time) map[string]any {
	return map[string]any{"id": id, "request": map[string]any{"command": "touch " + id}, "createdAtMs": time.Now().UnixMilli(), "expiresAtMs": expires.UnixMilli()}
}

// surfaces counts the connections that have declared themselves a surface.
func surfaces(gw *gatewaytest.Gateway) (n int) {
	for _, r := range gw.Received() {
		if r.Method == "connect" && strings.Contains(string(r.Params), `"caps":["approvals"]`) && slices.Contains(gw.Conns(), r.Conn) {
			n++
		}
	}
	return n
}

// ask makes a new request for surfaces only, as a real gateway does.
func (a *asker) ask(id string, patience time.Duration) {
	expires := time.Now().Add(patience)
	var gw *gatewaytest.Gateway
	a.do(func() { gw, a.pending[id] = a.gw, expires })
	if surfaces(gw) > 0 {
		gw.Emit("exec.approval.requested", request(id, expires))
	}
	synctest.Wait()
}

// elsewhere answers a request in another client.
func (a *asker) elsewhere(id string) {
	var gw *gatewaytest.Gateway
	a.do(func() {
		gw = a.gw
		delete(a.pending, id)
	})
	if surfaces(gw) > 0 {
		gw.Emit("exec.approval.resolved", map[string]any{"id": id, "decision": "deny"})
	}
	synctest.Wait()
}

func (a *asker) said() (all string) {
	a.do(func() { all = strings.Join(a.answers, ", ") })
	return all
}

// consenting plays a scene on a machine whose gateways ask a person.
func consenting(t *testing.T, tune func(*Config), f func(*scene, *asker)) {
	a := &asker{}
	play(t, behaving(behaviour{listen: time.Second, restarts: true, setup: a.on}), tune, func(s *scene) { f(s, a) })
}

func (s *scene) waiting(want ...string) {
	s.t.Helper()
	synctest.Wait()
	var got []string
	for all := range s.WatchRequests(s.t.Context()) {
		for _, r := range all {
			got = append(got, r.ID)
		}
		break
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || s.Status().Waiting != len(want) {
		s.t.Errorf("%v wait, status says %d; want %v", got, s.Status().Waiting, want)
	}
}

func (s *scene) answer(id string, d requests.Decision, want requests.Result) {
	s.t.Helper()
	if got, err := s.AnswerRequest(s.t.Context(), id, d); got != want || err != nil {
		s.t.Errorf("answer %s to %s: %q, %v; want %q", d, id, got, err, want)
	}
}

// R1: every way in which a request can end happens once.
func TestR1_RequestsAreAnsweredOnce(t *testing.T) {
	consenting(t, nil, func(s *scene, a *asker) {
		s.CanShowRequests(true)
		s.start()
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			a.ask(id, time.Minute)
			time.Sleep(time.Millisecond)
		}
		s.waiting("a", "b", "c", "d", "e")
		s.answer("a", requests.Allow, requests.Allowed)
		s.answer("b", requests.Deny, requests.Denied)
		s.waiting("c", "d", "e")
		a.elsewhere("c")
		s.waiting("d", "e")
		s.answer("c", requests.Allow, requests.Gone)
		a.do(func() { delete(a.pending, "d") }) // answered elsewhere, and its event has not arrived yet
		s.answer("d", requests.Allow, requests.Gone)
		s.waiting("e")
		time.Sleep(time.Minute)
		s.waiting()
		s.answer("e", requests.Allow, requests.Gone)
		s.answer("a", requests.Allow, requests.Gone)
		if got := a.said(); got != "a allow-once, b deny" {
			t.Errorf("the gateway was told %q", got)
		}
		if _, err := s.AnswerRequest(s.t.Context(), "a", "always"); err == nil {
			t.Log("gone before it matters") // for an id that is not pending, the result is Gone for every decision
		}
	})
}

// R1: an invalid answer is rejected, and when the gateway does not confirm an answer, the
// result is an error.
func TestR1_AnswersThatFail(t *testing.T) {
	consenting(t, nil, func(s *scene, a *asker) {
		if _, err := s.AnswerRequest(s.t.Context(), "a", requests.Allow); err == nil {
			t.Error("answered without a gateway")
		}
		if _, err := s.Requests(s.t.Context()); err == nil {
			t.Error("read without a gateway")
		}
		s.CanShowRequests(true)
		s.start()
		a.ask("a", time.Hour)
		for _, no := range []requests.Decision{"", "always", "allow-always", "Allow"} {
			if _, err := s.AnswerRequest(s.t.Context(), "a", no); err == nil {
				t.Errorf("%q was an answer", no)
			}
		}
		a.do(func() { a.refuse = &gatewaytest.Error{Code: "FORBIDDEN", Message: "missing scope"} })
		if result, err := s.AnswerRequest(s.t.Context(), "a", requests.Allow); err == nil || result != "" {
			t.Error(result, err)
		}
		s.waiting("a")
		a.do(func() { a.refuse, a.hang = nil, true })
		var uncertain *UncertainError
		if result, err := s.AnswerRequest(s.t.Context(), "a", requests.Allow); !errors.As(err, &uncertain) || result != "" {
			t.Error(result, err)
		}
		a.gw.Emit("exec.approval.requested", map[string]any{"id": "no", "request": map[string]any{"command": "x", "allowedDecisions": []string{"deny"}}})
		synctest.Wait()
		if result, err := s.AnswerRequest(s.t.Context(), "no", requests.Allow); err == nil || result != "" {
			t.Error(result, err)
		}
		if a.said() != "" {
			t.Error(a.said())
		}
	})
}

// R1: clawtray declares itself a surface only while it can show a request. A change of that
// does not look like trouble.
func TestR1_SurfaceIsDeclaredWhileItIsThere(t *testing.T) {
	consenting(t, nil, func(s *scene, a *asker) {
		s.start()
		if n := surfaces(a.gw); n != 0 {
			t.Errorf("%d surfaces of a clawtray that shows nothing", n)
		}
		a.ask("unseen", time.Hour)
		s.waiting()
		if all, err := s.Requests(s.t.Context()); err != nil || len(all) != 1 { // a person lists the requests
			t.Error(all, err)
		}
		s.answer("unseen", requests.Deny, requests.Denied)
		s.CanShowRequests(true)
		s.CanShowRequests(true)
		time.Sleep(time.Second)
		if n := surfaces(a.gw); n != 1 {
			t.Errorf("%d surfaces", n)
		}
		a.ask("seen", time.Hour)
		s.waiting("seen")
		s.CanShowRequests(false)
		time.Sleep(time.Second)
		if n := surfaces(a.gw); n != 0 {
			t.Errorf("%d surfaces after the panel is gone", n)
		}
		s.waiting("seen") // the request was in the list
		for _, st := range s.trace {
			if st.State == Reconnecting || len(st.Incidents) > 0 {
				t.Fatalf("it was told: %+v", st)
			}
		}
		if st := s.Status(); st.State != Running || st.Launches != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// R1: a gateway that ends while the connection is being renewed is noticed as usual.
func TestR1_DeathWhileTheSurfaceChanges(t *testing.T) {
	consenting(t, nil, func(s *scene, a *asker) {
		s.start()
		s.CanShowRequests(true)
		s.host.current().finish(Exit{Code: -1, Signal: "SIGKILL"})
		s.until("another gateway", func(st Status) bool { return st.State == Running && st.Launches == 2 })
		if n := surfaces(a.gw); n != 1 {
			t.Errorf("%d surfaces", n)
		}
	})
}

// R1: when the setting switches it off, clawtray declares, reads and answers nothing.
func TestR1_OffByASetting(t *testing.T) {
	consenting(t, func(c *Config) { c.NoRequests = true }, func(s *scene, a *asker) {
		s.CanShowRequests(true)
		s.start()
		a.ask("a", time.Hour)
		time.Sleep(time.Hour / 2)
		s.waiting()
		if _, err := s.Requests(s.t.Context()); !errors.Is(err, ErrRequestsOff) {
			t.Error(err)
		}
		if _, err := s.AnswerRequest(s.t.Context(), "a", requests.Allow); !errors.Is(err, ErrRequestsOff) {
			t.Error(err)
		}
		a.do(func() {
			if a.lists != 0 || len(a.answers) != 0 || surfaces(a.gw) != 0 {
				t.Error(a.lists, a.answers)
			}
		})
		on := Settings{Policy: DefaultPolicy(), Port: testPort, Adopt: func() {}, Pending: func() []string { return nil }}
		s.Configure(on) // switch it on again while the gateway runs
		time.Sleep(time.Second)
		s.waiting("a")
		on.NoRequests = true
		s.Configure(on)
		time.Sleep(time.Second)
		s.waiting()
		if surfaces(a.gw) != 0 {
			t.Error("still a surface")
		}
	})
}

// R1: requests from before clawtray connected are shown, requests whose events were lost
// are fetched, and a restart of the gateway removes all.
func TestR1_ListAndFlood(t *testing.T) {
	consenting(t, nil, func(s *scene, a *asker) {
		s.CanShowRequests(true)
		s.start()
		for n := range 100 {
			expires := time.Now().Add(time.Hour)
			id := fmt.Sprintf("r%03d", n)
			a.do(func() { a.pending[id] = expires })
			a.gw.Emit("exec.approval.requested", request(id, expires))
		}
		synctest.Wait()
		if got := s.Status().Waiting; got != 100 {
			t.Errorf("%d wait", got)
		}
		s.must(Request{Intent: Restart}, ResultRestarted)
		s.waiting()
	})
}

// R1: an answer counts that is given while the list is being fetched.
func TestR1_AnsweredWhileListing(t *testing.T) {
	consenting(t, nil, func(s *scene, a *asker) {
		s.CanShowRequests(true)
		s.start()
		a.ask("a", time.Hour)
		a.ask("b", time.Hour)
		late := make(chan struct{})
		a.do(func() { a.late = late })
		var read sync.WaitGroup
		read.Go(func() { s.Requests(s.t.Context()) })
		synctest.Wait()
		s.answer("a", requests.Allow, requests.Allowed)
		a.do(func() { a.late = nil })
		close(late)
		read.Wait()
		s.waiting("b")
	})
}
