package supervisor

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc/gatewaytest"
)

// B10: the status shows the channels that the gateway's crash breaker keeps off and when
// the gateway tries them again. It shows them only as long as that lasts.
func TestB10_SuppressedChannelsAreShownUntilTheyAreBack(t *testing.T) {
	shown := func(s Status) bool {
		return slices.ContainsFunc(s.Health.Reasons, func(r Reason) bool { return r.Code == ReasonSafeMode })
	}
	var gw *gatewaytest.Gateway
	play(t, behaving(behaviour{setup: func(g *gatewaytest.Gateway) { gw = g; g.Suppress("irc", "telegram") }}), nil, func(s *scene) {
		began := time.Now()
		s.start()
		st := s.until("suppressed", shown)
		at := began.Add(6 * time.Minute).Format("15:04") // 5 min 10 s, rounded up to full minutes
		if r := st.Health.Reasons[0]; st.State != Running || st.Health.Level != Degraded || !strings.Contains(r.Text, "(irc, telegram, until about "+at+")") {
			t.Errorf("shown as %+v", st.Health)
		}
		s.now()
		synctest.Wait() // all other reports of the start have arrived
		st = s.Status()
		time.Sleep(4 * time.Minute)
		if last := s.Status(); last.Seq != st.Seq {
			t.Errorf("it says the same anew: %+v", last)
		}
		gw.Suppress()
		st = s.until("over", func(s Status) bool { return !shown(s) })
		if st.State != Running || st.Health.Level != Healthy {
			t.Errorf("afterwards: %+v", st)
		}
	})
}
