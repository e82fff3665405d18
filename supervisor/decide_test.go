package supervisor

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// everyCause reads the codes from cause.go, so that none can be forgotten here.
func everyCause(t *testing.T) (codes []CauseCode) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "cause.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); ok && id.Name == "CauseCode" {
			text, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			codes = append(codes, CauseCode(text))
		}
		return true
	})
	if len(codes) < 40 {
		t.Fatalf("found only %d causes", len(codes))
	}
	return codes
}

func TestB7_TheCauseTable(t *testing.T) {
	codes := everyCause(t)
	sentences := map[string]CauseCode{}
	for _, code := range codes {
		row, known := causes[code]
		if !known {
			t.Errorf("%q has no row", code)
			continue
		}
		if code == NoCause {
			continue
		}
		c := Cause{Code: code, Detail: "X"}
		if other := sentences[c.Sentence()]; other != NoCause {
			t.Errorf("%q and %q say the same", code, other)
		}
		sentences[c.Sentence()] = code
		if strings.HasSuffix(c.Sentence(), ".") || strings.ContainsAny(string(code), " _") || string(code) != strings.ToLower(string(code)) {
			t.Errorf("%q: a code is lower-case words with dashes, a sentence has no full stop: %q", code, c.Sentence())
		}
		if c.NeedsPerson() {
			if !strings.HasSuffix(c.Remedy(), ".") {
				t.Errorf("%q needs a person; the next thing to do is %q", code, c.Remedy())
			}
			if c.Action() == NoAction && code != ProtocolMismatch { // no action, because we do not know which of the two is too old
				t.Errorf("%q needs a person and offers no entry", code)
			}
		}
		if row.action != NoAction && !slices.Contains([]Action{ActStart, ActRetry, ActInstall, ActOpenConfig, ActOpenLogs, ActUseFreePort, ActApprove, ActTakeOver}, row.action) {
			t.Errorf("%q offers %q, which nobody knows", code, row.action)
		}
	}
	if len(causes) != len(codes) {
		t.Errorf("%d rows for %d causes", len(causes), len(codes))
	}
	// The causes that no retry heals (B7, H4), listed here again so that the test notices a
	// changed row.
	want := []CauseCode{PortConflict, PortForeignUser, NodeMissing, NodeTooOld, OpenClawMissing, RuntimeBroken, InstallFailed, SpawnDenied,
		ConfigInvalid, StateDirOwned, StateDirUnusable, DiskFull, DiskError, Downgrade, MigrationLock, CouldNotEnd, StartTimeout, KeepsCrashing, GaveUp, TokenMismatch,
		TokenMissing, PairingRequired, PairingThere, SignatureRefused, ClockSkew, ProtocolMismatch, ConnectRefused, IdentityBad, Internal,
		ConfigUnreadable, ConfigForeign, ConfigBroken, ConfigLost, ConfigClobbered, ConfigConflict, SetUpFailed, RestoreFailed, SecretUnresolved, SecretOpaque, RemoteGateway,
		WrongCertificate, PasswordRefused, ProxyOnly, BadNodeOptions, BindFailed, CertificateBad, FileWatchers, TooManyFiles, MigrationRefused, StateDamaged,
		PackageBroken, ProxyAuth, NoPermission, StartRefused}
	for _, code := range codes {
		if got := (Cause{Code: code}).NeedsPerson(); got != slices.Contains(want, code) {
			t.Errorf("%q needs a person: %v", code, got)
		}
	}
}

// TestDecideOverItsWholeSpace calls Decide with every cause and every kind of history. It
// compares each decision with the rules of BEHAVIOUR, which judgeDecision states
// independently.
func TestDecideOverItsWholeSpace(t *testing.T) {
	p := DefaultPolicy()
	now := epoch
	restarts := func(n int) (r Restarts) {
		for i := range n {
			r = append(r, now.Add(-time.Duration(n-i)*time.Minute))
		}
		return r
	}
	decisions := 0
	for _, code := range everyCause(t) {
		for _, readyFor := range []time.Duration{0, 1, p.ReadyForLong - 1, p.ReadyForLong, p.Forgive} {
			for _, ever := range []bool{false, true} {
				for _, repaired := range []bool{false, true} {
					for tries := range p.StartTries {
						for _, attempts := range []int{0, 1, p.Backoff.Attempts - 1, p.Backoff.Attempts} {
							for _, used := range []int{0, 1, p.Governor.Budget - 1, p.Governor.Budget} {
								for _, outside := range []time.Time{{}, now.Add(-time.Second), now.Add(-p.StoppedAgain)} {
									for _, last := range []time.Time{{}, now} {
										h := History{EverReady: ever || readyFor > 0, Repaired: repaired, Tries: tries, Attempts: attempts, Restarts: restarts(used), StoppedOutside: outside, LastRestart: last}
										o := Outcome{Cause: Cause{Code: code, LastLine: "last"}, ReadyFor: readyFor}
										d, next := Decide(p, h, o, now, 0.5)
										if wrong := judgeDecision(p, h, o, now, d, next); wrong != "" {
											t.Fatalf("%s\nhistory %+v\noutcome %+v\ndecision %+v\nnext %+v", wrong, h, o, d, next)
										}
										decisions++
									}
								}
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d decisions", decisions)
}

// judgeDecision returns what is wrong with a decision, or "".
func judgeDecision(p Policy, h History, o Outcome, now time.Time, d Decision, next History) string {
	person := Cause{Code: o.Cause.Code}.NeedsPerson() || o.Cause.Code == AttachedGone || o.Cause.Code == RemoteUnreachable
	waits := o.Cause.Code == Migrating || o.Cause.Code == StateBusy
	wanted := o.Cause.Code == StoppedOutside && !h.StoppedOutside.IsZero() && now.Sub(h.StoppedOutside) < p.StoppedAgain
	starting := o.ReadyFor == 0 && !h.EverReady && o.Cause.Code != StoppedOutside
	gaveUp := h.Attempts >= p.Backoff.Attempts
	spent := len(h.Restarts) >= p.Governor.Budget
	want := StartAgain
	switch {
	case o.Cause.Code == ConfigInvalid && !h.Repaired:
		want = RepairFirst
	case person:
		want = GiveUp
	case waits:
	case wanted:
		want = StayStopped
	case starting && h.Tries+1 >= p.StartTries, !starting && (gaveUp || spent):
		want = GiveUp
	}
	reason := o.Cause.Code
	if want == GiveUp && !person && !starting {
		if reason = KeepsCrashing; gaveUp {
			reason = GaveUp
		}
	}
	least, most := time.Duration(0), time.Duration(0)
	switch {
	case want != StartAgain:
	case waits:
		least, most = waitForState, waitForState
	case starting:
		least, most = p.StartRetry, p.StartRetry
	default:
		if n := len(h.Restarts); n > 0 { // the last restart was a minute ago
			least = max(0, doubled(p.Governor.Cooldown, n-1, p.Governor.MaxCooldown)-time.Minute)
		}
		most = least
		if o.ReadyFor < p.ReadyForLong {
			least = max(least, p.Backoff.Delay(h.Attempts+1, 0.5))
			if !h.LastRestart.IsZero() {
				least = max(least, p.RestartFloor)
			}
			most = least
		}
	}
	switch {
	case d.Verdict != want:
		return fmt.Sprintf("verdict %v, want %v", d.Verdict, want)
	case d.Reason.Code != reason || d.Reason.LastLine != "last":
		return fmt.Sprintf("reason %+v, want %v", d.Reason, reason)
	case d.Delay < least || d.Delay > most:
		return fmt.Sprintf("delay %v, want %v to %v", d.Delay, least, most)
	case (want == GiveUp && reason == KeepsCrashing && !person) != !d.Reopens.IsZero():
		return "it says when the governor reopens, or does not, at the wrong time"
	case want == StartAgain && waits:
		if next.Waits != h.Waits+1 || next.Tries != h.Tries || next.Attempts != h.Attempts {
			return "waiting for another process counts as a failure"
		}
	case want == StartAgain && !starting && (next.Attempts != h.Attempts+1 || len(next.Restarts) != len(h.Restarts)+1 || !next.LastRestart.Equal(now.Add(d.Delay))):
		return "an automatic restart is not remembered"
	case want == StartAgain && starting && (next.Tries != h.Tries+1 || next.Attempts != h.Attempts || len(next.Restarts) != len(h.Restarts)):
		return "a first start counts as a restart, or not at all"
	case want == RepairFirst && !next.Repaired:
		return "doctor would run again"
	case want == StartAgain && o.Cause.Code == StoppedOutside && !next.StoppedOutside.Equal(now):
		return "the second stop from outside would be fought"
	}
	return ""
}

func TestIncidents(t *testing.T) {
	at := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }
	crash, lost := Cause{Code: Killed}, Cause{Code: Disconnected}
	for name, c := range map[string]struct {
		do   func(incidents) incidents
		want []Incident
	}{
		"none":             {func(i incidents) incidents { return i.end(at(1)).attempt() }, nil},
		"one that goes on": {func(i incidents) incidents { return i.open(crash, at(1), false) }, []Incident{{ID: 1, Began: at(1), Cause: crash}}},
		"a quiet one":      {func(i incidents) incidents { return i.open(crash, at(1), true) }, []Incident{{ID: 1, Began: at(1), Cause: crash, Quiet: true}}},
		"a newer cause":    {func(i incidents) incidents { return i.open(lost, at(1), false).open(crash, at(2), true) }, []Incident{{ID: 1, Began: at(1), Cause: crash}}},
		"with attempts, and over": {func(i incidents) incidents {
			return i.open(crash, at(1), false).attempt().attempt().end(at(3)).end(at(4)).attempt()
		}, []Incident{{ID: 1, Began: at(1), Ended: at(3), Cause: crash, Attempts: 2}}},
		"two, newest first": {func(i incidents) incidents { return i.open(crash, at(1), false).end(at(2)).open(lost, at(3), true) },
			[]Incident{{ID: 2, Began: at(3), Cause: lost, Quiet: true}, {ID: 1, Began: at(1), Ended: at(2), Cause: crash}}},
	} {
		if got := c.do(incidents{}); !slices.Equal(got.list, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got.list, c.want)
		}
	}
	var i incidents
	published := i.open(crash, at(0), false)
	_ = published.attempt().end(at(1))
	if got := published.list[0]; got.Attempts != 0 || !got.Open() {
		t.Errorf("what was handed out changed: %+v", got)
	}
	for n := range MaxIncidents + 5 {
		i = i.open(crash, at(n), false).end(at(n))
	}
	if len(i.list) != MaxIncidents || i.list[0].ID != MaxIncidents+5 {
		t.Errorf("%d are kept, the newest is number %d", len(i.list), i.list[0].ID)
	}
}

// TestIncidentOfEachEnd: which end of a gateway opens an incident, and with which cause.
func TestIncidentOfEachEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*scene)
		want CauseCode // NoCause means no incident
	}{
		"a crash":             {func(s *scene) { s.host.current().finish(Exit{Code: -1, Signal: "SIGSEGV"}) }, Killed},
		"an exit":             {func(s *scene) { s.host.current().finish(Exit{Code: 3}) }, Exited},
		"a stop from outside": {func(s *scene) { s.host.current().Terminate(s.t.Context()) }, StoppedOutside},
		"a lost connection":   {func(s *scene) { s.host.current().gw.CloseAll(1006, "") }, Disconnected},
		"a restart in place":  {func(s *scene) { s.host.current().gw.Restart() }, NoCause},
		"a person's restart":  {func(s *scene) { s.must(Request{Intent: Restart}, ResultRestarted) }, NoCause},
		"a person's stop":     {func(s *scene) { s.must(Request{Intent: Stop}, ResultStopped); s.start() }, NoCause},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, healthy, nil, func(s *scene) {
				s.start()
				time.Sleep(time.Minute)
				c.end(s)
				time.Sleep(time.Minute)
				st := s.Status()
				switch {
				case st.State != Running:
					t.Errorf("status %+v", st)
				case c.want == NoCause && len(st.Incidents) != 0, c.want != NoCause && (len(st.Incidents) != 1 || st.Incidents[0].Cause.Code != c.want || st.Incidents[0].Open()):
					t.Errorf("incidents %+v, want %q", st.Incidents, c.want)
				}
			})
		})
	}
}
