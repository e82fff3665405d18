package supervisor

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
	"clawtray/supervisor/openclaw"
)

// H4: for a device that is not paired, the cause has a command to copy. Nothing unsafe that
// a gateway has chosen becomes part of it.
func TestH4_PairingSaysTheCommand(t *testing.T) {
	for details, want := range map[string]string{
		`{"code":"PAIRING_REQUIRED","requestId":"9f3-A_b"}`: "clawtray openclaw devices approve 9f3-A_b",
		`{"requestId":"x; rm -rf ~"}`:                       "clawtray openclaw devices list",
		`{"requestId":"--latest"}`:                          "clawtray openclaw devices list",
		`{"requestId":7}`:                                   "clawtray openclaw devices list",
		``:                                                  "clawtray openclaw devices list",
	} {
		err := &rpc.Error{Kind: rpc.KindPairing, Code: "NOT_PAIRED", Details: json.RawMessage(details)}
		c := connectCause(err, rpc.Rule{Kind: rpc.KindPairing}, openclaw.Effective{})
		if c.Code != PairingRequired || c.Command() != want {
			t.Errorf("%s: %+v, %q", details, c, c.Command())
		}
	}
	err := &rpc.Error{Kind: rpc.KindPairing, Code: "NOT_PAIRED", Details: json.RawMessage(`{"requestId":"9f3"}`)}
	there := openclaw.Effective{Mode: openclaw.Given[string]{Value: "remote"}}
	if c := connectCause(err, rpc.Rule{Kind: rpc.KindPairing}, there); c.Command() != "openclaw devices approve 9f3" || !strings.Contains(c.Error(), "that machine") {
		t.Errorf("on another machine: %s, %q", c.Error(), c.Command())
	}
	if got := (Cause{Code: TokenMissing, Detail: "x"}).Command(); got != "" {
		t.Errorf("got %q", got)
	}
}

// P6: once a person has approved this device, clawtray signs in by itself. Until then it
// looks slowly, stays in the one error, and names the newest request.
func TestH4_ApprovedWhileItWaits(t *testing.T) {
	identity, err := rpc.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	unpaired := behaviour{gateway: gatewaytest.Config{Token: testToken, Pairing: true}}
	play(t, behaving(unpaired), func(c *Config) { c.Identity = func() (*rpc.Identity, string) { return identity, "" } }, func(s *scene) {
		if _, err := s.Do(s.t.Context(), Request{Intent: Start}); causeOf(err) != PairingRequired {
			t.Fatalf("got %v", err)
		}
		gw := s.host.current().gw
		before, connects := s.Status(), gw.Connects()
		time.Sleep(time.Hour) // the gateway forgets each request after five minutes
		now := s.Status()
		if looks := gw.Connects() - connects; looks < 1 || looks > 120 {
			t.Errorf("%d looks in an hour", looks)
		}
		if now.State != Failed || now.Since != before.Since || len(now.Incidents) != 1 || now.Cause.Detail == before.Cause.Detail || now.Error != now.Cause.Error() {
			t.Errorf("first %+v, then %+v", before, now)
		}
		gw.Approve(identity.DeviceID())
		s.until("running", in(Running))
		if s.host.launches() != 1 {
			t.Errorf("%d launches", s.host.launches())
		}
	})
}

// K1: behind a proxy the device token can be the only way in. When it is not taken any more, no
// token has to be made the same: a password helps.
func TestK1_OnlyThroughTheProxy(t *testing.T) {
	refused := &rpc.Error{Kind: rpc.KindAuth, Code: "INVALID_REQUEST", DetailsCode: "AUTH_UNAUTHORIZED"}
	conf := openclaw.Effective{SignIn: openclaw.SignIn{Mode: openclaw.Given[string]{Value: openclaw.SignInTrustedProxy}}}
	if c := connectCause(refused, rpc.RuleFor(refused), conf); c.Code != ProxyOnly || !strings.Contains(c.Remedy(), "gateway.auth.password") || !lockedOut[c.Code] {
		t.Errorf("without a password: %s", c.Error())
	}
	conf.SignIn.Password = openclaw.KnownSecret("canary", "openclaw.json: gateway.auth.password")
	if c := connectCause(refused, rpc.RuleFor(refused), conf); c.Code == ProxyOnly {
		t.Errorf("with one: %s", c.Error())
	}
}
