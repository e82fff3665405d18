package doctor

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"clawtray/supervisor/words"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func same(s string) string { return s }

// TestN4_NothingCanHang: a check that never answers ends at its limit, and the other
// findings are shown.
func TestN4_NothingCanHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forever := make(chan struct{})
		stuck := func(context.Context) []Finding { <-forever; return nil }
		began := time.Now()
		got := Examine(t.Context(), []Check{
			{Name: "disk", Look: stuck},
			{Name: "bus", Limit: time.Minute, Look: stuck},
			{Name: "quick", Look: func(context.Context) []Finding { return one("quick", OK, "fine", "") }},
		}, words.English.Doctor, same)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("took %v, want the longest limit", took)
		}
		if len(got) != 3 || got[0].Level != Problem || got[0].Detail != "no answer within 5s" || got[0].Remedy == "" || got[1].Name != "bus" || got[2].Level != OK {
			t.Errorf("got %+v", got)
		}
		close(forever)
	})
}

func TestN4_TheOrderIsThatOfTheChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := func(d time.Duration, name string) Check {
			return Check{Name: name, Look: func(context.Context) []Finding {
				time.Sleep(d)
				return one(name, OK, "", "")
			}}
		}
		got := Examine(t.Context(), []Check{late(3*time.Second, "a"), late(time.Second, "b"), late(2*time.Second, "c")}, words.English.Doctor, same)
		if got[0].Name+got[1].Name+got[2].Name != "abc" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestN4_JSONHasStableNames(t *testing.T) {
	f := Findings{{Name: "port", Level: Warning, Detail: "d", Remedy: "r", More: []string{"m"}}, {Name: "token", Level: OK, Detail: "d"}}
	got, err := json.Marshal(f)
	want := `{"healthy":true,"findings":[{"name":"port","level":"warning","detail":"d","remedy":"r","more":["m"]},{"name":"token","level":"ok","detail":"d"}]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	if got, _ := json.Marshal(Findings(nil)); string(got) != `{"healthy":true,"findings":[]}` {
		t.Errorf("nothing found is %s", got)
	}
	if f[0].Level = Problem; f.Healthy() {
		t.Error("a problem is healthy")
	}
}

func TestN4_ColourIsOnlyAddition(t *testing.T) {
	f := Findings{{Name: "a", Level: Problem, Detail: "/home/u/x is wrong", Remedy: "correct it", More: []string{"more"}}, {Name: "longer", Level: OK, Detail: "/home/user/y"}}
	var bare, painted strings.Builder
	f.Text(&bare, words.English.Doctor, "/home/u", false)
	f.Text(&painted, words.English.Doctor, "/home/u", true)
	want := "problem  a       ~/x is wrong\n                 more\n                 → correct it\nok       longer  /home/user/y\n\n1 problem, 0 warnings.\n"
	if bare.String() != want {
		t.Errorf("got\n%s\nwant\n%s", bare.String(), want)
	}
	for _, code := range []string{green, yellow, red, dim, plain} {
		painted := strings.ReplaceAll(painted.String(), code, "")
		bare := bare.String()
		if strings.Contains(bare, code) || !strings.Contains(painted, "problem") {
			t.Error("colours where there should be none")
		}
	}
	if !strings.Contains(painted.String(), red+"problem"+plain) {
		t.Errorf("no colour: %q", painted.String())
	}
}
