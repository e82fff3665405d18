package rpc_test

import (
	"testing"
	"testing/synctest"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

const secret = "shared-token-canary"

// memory returns options that reach gw in memory.
func memory(gw *gatewaytest.Gateway) rpc.Options {
	return rpc.Options{URL: gatewaytest.URL, DialContext: gw.Dial, Token: secret, TrustPeer: true}
}

func TestI1_CallAnswersAndEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret})
		defer gw.Close()
		s, err := rpc.Dial(t.Context(), memory(gw))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		events := s.Subscribe(4)
		var health struct{ OK bool }
		if err := s.Call(t.Context(), "health", nil, &health); err != nil || !health.OK {
			t.Fatal(health, err)
		}
		gw.Emit("chat", map[string]any{"n": 1})
		if e := <-events.C(); e.Name != "chat" || e.Seq != 1 || string(e.Payload) != `{"n":1}` {
			t.Fatalf("%+v", e)
		}
		gw.Restart()
		<-s.Done()
		t.Log(s.Err())
	})
}
