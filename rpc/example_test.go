package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

// A session from beginning to end. The fake gateway stands for a real one at
// ws://127.0.0.1:18789.
func Example() {
	gw := gatewaytest.New(gatewaytest.Config{Token: "shared-token"})
	defer gw.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := rpc.Connect(ctx, rpc.Options{URL: gatewaytest.URL, DialContext: gw.Dial, Token: "shared-token", TrustPeer: true})
	if err != nil {
		fmt.Println(rpc.RuleFor(err).Sentence)
		return
	}
	defer s.Close()

	var health struct {
		OK bool `json:"ok"`
	}
	if err := s.Call(ctx, "health", nil, &health); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("gateway", s.Hello().Server.Version, "ok:", health.OK)
	// Output: gateway 2026.9.6 ok: true
}

// A device identity is created once; the token that the gateway issues to the
// device is kept beside it and used first the next time.
func ExampleLoadOrCreateIdentity() {
	gw := gatewaytest.New(gatewaytest.Config{Token: "shared-token"})
	defer gw.Close()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	o := rpc.Options{
		URL: gatewaytest.URL, DialContext: gw.Dial, TrustPeer: true, Token: "shared-token",
		DeviceTokens: rpc.NewFileDeviceTokens(filepath.Join(dir, "tokens.json")),
	}
	for range 2 {
		id, report, err := rpc.LoadOrCreateIdentity(filepath.Join(dir, "identity.pem"))
		if err != nil {
			fmt.Println(err)
			return
		}
		o.Identity = id
		s, err := rpc.Dial(context.Background(), o)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("created:", report.Created, "scopes:", len(s.Hello().Auth.Scopes))
		s.Close()
		o.Token = "" // not needed any more
	}
	// Output:
	// created: true scopes: 5
	// created: false scopes: 5
}

// Events arrive in a channel of bounded size.
func ExampleSession_Subscribe() {
	gw := gatewaytest.New(gatewaytest.Config{})
	defer gw.Close()
	s, err := rpc.Dial(context.Background(), rpc.Options{URL: gatewaytest.URL, DialContext: gw.Dial})
	if err != nil {
		fmt.Println(err)
		return
	}
	events := s.Subscribe(16, "chat", "shutdown")
	gw.Emit("chat", map[string]string{"text": "hello"})
	gw.Restart()
	for e := range events.C() { // until the session ends
		fmt.Println(e.Name, string(e.Payload))
	}
	var closed *rpc.CloseError
	if errors.As(s.Err(), &closed) && closed.Notice != nil {
		fmt.Println("comes back:", closed.Notice.Restarts, closed.Notice.RestartExpected)
	}
	// Output:
	// chat {"text":"hello"}
	// shutdown {"reason":"gateway restarting","restartExpectedMs":1500}
	// comes back: true 1.5s
}

// Errors are told apart by kind; the table of rules says what to do.
func ExampleRuleFor() {
	gw := gatewaytest.New(gatewaytest.Config{Token: "shared-token"})
	defer gw.Close()
	_, err := rpc.Dial(context.Background(), rpc.Options{URL: gatewaytest.URL, DialContext: gw.Dial, Token: "another-token", TrustPeer: true})
	rule := rpc.RuleFor(err)
	fmt.Println(rule.Kind, rule.Code, "retry:", rule.Retry, "do:", rule.Action)
	// Output: auth AUTH_TOKEN_MISMATCH retry: false do: open-config
}
