package supervisor

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"clawtray/rpc/gatewaytest"
	"clawtray/rpc/redact"
	"clawtray/supervisor/openclaw"
)

// K3: a command line contains what people write into their settings, so a report shows it
// without known secrets.
func TestK3_TheCommandIsShownRedacted(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		r, err := s.Report(s.t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if text, err := json.Marshal(r); err != nil || strings.Contains(string(text), testToken) {
			t.Errorf("the report holds a secret: %s, %v", text, err)
		}
		if c := r.Diagnostics.Command; !strings.HasSuffix(c, "node openclaw.mjs gateway") {
			t.Errorf("the command is shown as %s", c)
		}
	})
}

// XS5: a line is shortened after it is redacted. If tail has shortened it before, a secret
// of which only a part is left must still be recognised.
func TestXS5_ASecretThatTheCutSplits(t *testing.T) {
	const secret = "Zk3v9QxLr7Tn2WbY8cJm5HdPs6Fg1AaE"
	redact := redact.New(secret)
	for before := maxLine - len(secret) - 1; before <= maxLine+1; before++ {
		line := strings.Repeat("x", before) + secret + strings.Repeat("y", 100)
		for _, l := range []string{line, line[:maxLine] + "…"} { // complete, and as tail shortens it
			text, _, _ := NewOutput(redact.String).Add(Line{Text: l})
			if strings.Contains(text, secret[:8]) || len(text) > maxLine+len("…") {
				t.Fatalf("after %d bytes: %q", before, text[maxLine-60:])
			}
		}
	}
}

// XS5: a private key that the gateway prints is spread over many lines.
func TestXS5_APrivateKeyInTheOutput(t *testing.T) {
	host := behaving(behaviour{lines: []string{"-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "c2hvcnQ=", "-----END PRIVATE KEY-----", "after it"}})
	play(t, host, nil, func(s *scene) {
		s.start()
		lines := s.report().Diagnostics.Output
		if all := strings.Join(lines, "|"); strings.Contains(all, "MIIE") || strings.Contains(all, "c2hv") || !slices.Contains(lines, "after it") {
			t.Error(all)
		}
	})
}

// XS5: secrets of the gateway's own configuration are known, even when clawtray uses
// others.
func TestXS5_SecretsOfTheConfigurationInTheOutput(t *testing.T) {
	const theirs = "their-own-token-4711"
	play(t, behaving(behaviour{lines: []string{"listening, " + theirs}}), nil, func(s *scene) {
		s.host.config.Secrets = openclaw.NewSecrets(theirs)
		s.start()
		if text, err := json.Marshal(s.report()); err != nil || strings.Contains(string(text), theirs) {
			t.Errorf("%s, %v", text, err)
		}
	})
}

// XS5: the message with which a gateway refuses us is shown without secrets.
func TestXS5_ARefusalIsShownRedacted(t *testing.T) {
	b := behaviour{}
	b.gateway.Hooks.OnConnect = func(*gatewaytest.Request) (*gatewaytest.Error, int) {
		return &gatewaytest.Error{Code: "INVALID_REQUEST", Message: "unknown client with " + testToken}, 1008
	}
	play(t, behaving(b), nil, func(s *scene) {
		_, err := s.Do(s.t.Context(), Request{Intent: Start})
		s.until("refused", in(Failed))
		if err != nil && strings.Contains(err.Error(), testToken) {
			t.Error(err)
		}
		if text, err := json.Marshal(s.report()); err != nil || strings.Contains(string(text), testToken) || !strings.Contains(string(text), "unknown client with") {
			t.Errorf("%s, %v", text, err)
		}
	})
}
