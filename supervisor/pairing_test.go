package supervisor

import (
	"encoding/json"
	"testing"

	"clawtray/rpc"
	"clawtray/supervisor/openclaw"
)

// H4: what to do about a device that is not paired is a command to copy, and
// nothing a gateway chooses gets into it.
func TestH4_PairingSaysTheCommand(t *testing.T) {
	for details, want := range map[string]string{
		`{"code":"PAIRING_REQUIRED","requestId":"9f3-A_b"}`: "openclaw devices approve 9f3-A_b",
		`{"requestId":"x; rm -rf ~"}`:                       "openclaw devices list",
		`{"requestId":"--latest"}`:                          "openclaw devices list",
		`{"requestId":7}`:                                   "openclaw devices list",
		``:                                                  "openclaw devices list",
	} {
		err := &rpc.Error{Kind: rpc.KindPairing, Code: "NOT_PAIRED", Details: json.RawMessage(details)}
		c := connectCause(err, rpc.Rule{Kind: rpc.KindPairing}, openclaw.Token{})
		if c.Code != PairingRequired || c.Command() != want {
			t.Errorf("%s: %+v, %q", details, c, c.Command())
		}
	}
	if got := (Cause{Code: TokenMissing, Detail: "x"}).Command(); got != "" {
		t.Errorf("got %q", got)
	}
}
