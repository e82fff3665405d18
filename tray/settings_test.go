package tray

import (
	"strings"
	"testing"
	"testing/synctest"

	"clawtray/supervisor"
)

// TestMistakesInTheSettingsAreInTheMenu: they are shown especially when the gateway does
// not run, because a mistake may be the reason.
func TestMistakesInTheSettingsAreInTheMenu(t *testing.T) {
	mistake := supervisor.Reason{Code: supervisor.ReasonSettings, Severity: supervisor.Degraded, Text: `clawtray's settings have mistakes: line 1 (prot)`, Detail: "line 1 (prot)"}
	for _, s := range []supervisor.Status{
		{State: supervisor.Running, Since: noon},
		{State: supervisor.Failed, Since: noon, Cause: supervisor.Cause{Code: supervisor.PortConflict, Detail: "nginx"}},
		{State: supervisor.Stopped, Since: noon, Cause: supervisor.Cause{Code: supervisor.UserStop}},
	} {
		s.Health = supervisor.Health{Level: supervisor.Degraded, Reasons: []supervisor.Reason{mistake}}
		for language := range languages {
			if got := View(s, Settings{Language: language}, noon).String(); !strings.Contains(got, "line 1 (prot)") {
				t.Errorf("%s, %s:\n%s", s.State, language, got)
			}
		}
	}
}

// TestANotificationLevelSetElsewhere: the menu shows a level that was changed elsewhere.
func TestANotificationLevelSetElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chosen := make(chan Chosen, 1)
		inBubble(t, newGateway(running()), Options{Settings: Settings{Notify: NotifyAll, Language: "en"}, Chosen: chosen}, func(f *fakeSurface, _ *loop) {
			chosen <- Chosen{Notify: NotifyNone, Language: "en"}
			synctest.Wait()
			if got := strings.Join(f.take(), "\n"); !strings.Contains(got, "notify-none check") || !strings.Contains(got, "notify-all uncheck") {
				t.Errorf("the menu did: %s", got)
			}
		})
	})
}
