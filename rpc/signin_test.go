package rpc_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

// TestO3_Password: a gateway in password mode gets the password, which is not part of what
// the device signs, and the device token the next time.
func TestO3_Password(t *testing.T) {
	const password = "canary-password-91d2"
	gw := gatewaytest.New(gatewaytest.Config{Password: password})
	t.Cleanup(gw.Close)
	o := rpc.Options{Gateway: rpc.Gateway{URL: gatewaytest.URL, DialContext: gw.Dial, Trusted: true}, Credentials: rpc.Credentials{Identity: newIdentity(t), DeviceTokens: &tokens{}, Password: password}}
	for range 2 {
		s, err := rpc.Dial(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		o.Credentials.Password = "" // the device token is enough
	}
	var sent struct{ Auth map[string]string }
	if err := json.Unmarshal(gw.Received()[0].Params, &sent); err != nil || sent.Auth["password"] != password || sent.Auth["token"] != "" {
		t.Errorf("the first connect sent the fields %d, %v", len(sent.Auth), err)
	}
	for name, o := range map[string]rpc.Options{
		"not trusted": {Credentials: rpc.Credentials{Password: password}},
		"two secrets": {Gateway: rpc.Gateway{Trusted: true}, Credentials: rpc.Credentials{Password: password, Token: "another"}},
		"wrong":       {Gateway: rpc.Gateway{Trusted: true}, Credentials: rpc.Credentials{Password: "wrong"}},
	} {
		o.Gateway.URL, o.Gateway.DialContext = gatewaytest.URL, gw.Dial
		want := map[string]rpc.Kind{"not trusted": rpc.KindUntrusted, "two secrets": rpc.KindInvalidParams, "wrong": rpc.KindAuth}[name]
		_, err := rpc.Dial(t.Context(), o)
		var e *rpc.Error
		if !errors.As(err, &e) || e.Kind != want || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v, want the kind %v", name, err, want)
		}
	}
}

var errOtherCertificate = errors.New("another certificate")

func pinned(pin string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(state tls.ConnectionState) error {
		if sum := sha256.Sum256(state.PeerCertificates[0].Raw); hex.EncodeToString(sum[:]) != pin {
			return errOtherCertificate
		}
		return nil
	}}
}

// TestXU5_PinnedCertificate: with TLS only the gateway's own certificate is accepted, for
// sessions and for probes.
func TestXU5_PinnedCertificate(t *testing.T) {
	certificate, pin := gatewaytest.NewCertificate()
	gw := gatewaytest.New(gatewaytest.Config{Token: "the-token", Certificate: certificate})
	url := "wss" + strings.TrimPrefix(gw.Listen(t), "ws")
	_, other := gatewaytest.NewCertificate()
	for pin, want := range map[string]bool{pin: true, other: false} {
		config := pinned(pin)
		s, err := rpc.Dial(t.Context(), rpc.Options{Gateway: rpc.Gateway{URL: url, Trusted: true, TLSConfig: config}, Credentials: rpc.Credentials{Token: "the-token"}})
		if (err == nil) != want || !want && !errors.Is(err, errOtherCertificate) {
			t.Errorf("connecting with the right pin %v: %v", want, err)
		}
		if s != nil {
			s.Close()
		}
		h, err := rpc.Gateway{URL: url, TLSConfig: config}.Healthz(t.Context())
		if h.Gateway != want || !want && !errors.Is(err, errOtherCertificate) {
			t.Errorf("asking with the right pin %v: %v, %v", want, h, err)
		}
	}
	if _, err := rpc.Dial(t.Context(), rpc.Options{Gateway: rpc.Gateway{URL: url, Trusted: true}, Credentials: rpc.Credentials{Token: "the-token"}}); err == nil {
		t.Error("a certificate that nobody has signed was trusted")
	}
}
