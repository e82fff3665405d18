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

// A session from beginning to end: connect, call, receive events, and learn why it
// ended. The fake gateway stands for a real one at ws://127.0.0.1:18789.
func Example() {
	gw := gatewaytest.New(gatewaytest.Config{Token: "shared-token"})
	defer gw.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var events *rpc.Subscription
	s, err := rpc.Connect(ctx, rpc.Options{
		Gateway:     rpc.Gateway{URL: gatewaytest.URL, DialContext: gw.Dial, Trusted: true},
		Credentials: rpc.Credentials{Token: "shared-token"},
		OnSession:   func(s *rpc.Session) { events = s.Subscribe(16, "chat", "shutdown") },
	})
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

	gw.Emit("chat", map[string]string{"text": "hello"}) // a real gateway does this by itself
	gw.Restart()
	for e := range events.C() { // until the session ends
		fmt.Println("event", e.Name)
	}
	<-s.Done()
	var end *rpc.CloseError
	if errors.As(s.Err(), &end) && end.Notice != nil {
		fmt.Println("ended:", end.Reason, "comes back:", end.Notice.Restarts)
	}
	// Output:
	// gateway 2026.9.6 ok: true
	// event chat
	// event shutdown
	// ended: service restart comes back: true
}

// A device identity is created once. The token that the gateway issues to the device is
// kept beside it, and is enough the next time.
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
		Gateway: rpc.Gateway{URL: gatewaytest.URL, DialContext: gw.Dial, Trusted: true},
		Credentials: rpc.Credentials{
			Token:        "shared-token",
			DeviceTokens: rpc.NewFileDeviceTokens(filepath.Join(dir, "tokens.json")),
		},
	}
	for range 2 {
		id, report, err := rpc.LoadOrCreateIdentity(filepath.Join(dir, "identity.pem"))
		if err != nil {
			fmt.Println(err)
			return
		}
		o.Credentials.Identity = id
		s, err := rpc.Dial(context.Background(), o)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("created:", report.Created, "scopes:", len(s.Hello().Auth.Scopes))
		s.Close()
		o.Credentials.Token = "" // not needed any more
	}
	// Output:
	// created: true scopes: 5
	// created: false scopes: 5
}

// Events arrive in a channel of bounded size. A caller who subscribes in OnSession also
// sees those that the gateway sends directly after it has accepted the connection.
func ExampleSession_Subscribe() {
	gw := gatewaytest.New(gatewaytest.Config{})
	defer gw.Close()
	var events *rpc.Subscription
	s, err := rpc.Dial(context.Background(), rpc.Options{
		Gateway:   rpc.Gateway{URL: gatewaytest.URL, DialContext: gw.Dial},
		OnSession: func(s *rpc.Session) { events = s.Subscribe(16, "presence", "chat", "shutdown") },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
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
	// presence {"presence":[]}
	// chat {"text":"hello"}
	// shutdown {"reason":"gateway restarting","restartExpectedMs":1500}
	// comes back: true 1.5s
}

// Errors are told apart by kind; the table of rules says what to do.
func ExampleRuleFor() {
	gw := gatewaytest.New(gatewaytest.Config{Token: "shared-token"})
	defer gw.Close()
	_, err := rpc.Dial(context.Background(), rpc.Options{
		Gateway:     rpc.Gateway{URL: gatewaytest.URL, DialContext: gw.Dial, Trusted: true},
		Credentials: rpc.Credentials{Token: "another-token"},
	})
	rule := rpc.RuleFor(err)
	fmt.Println(rule.Kind, rule.Code, "retry:", rule.Retry, "do:", rule.Action)
	// Output: auth AUTH_TOKEN_MISMATCH retry: false do: open-config
}
