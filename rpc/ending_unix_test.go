//go:build unix

package rpc_test

import (
	"errors"
	"sync"
	"testing"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

// TestXR1_EveryRestartIsTold over real sockets, where a write fails as soon as the
// gateway has closed and its last words still wait in the buffer. Windows throws
// them away when the connection is reset.
func TestXR1_EveryRestartIsTold(t *testing.T) {
	for range 100 {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret})
		l, err := gw.ListenOn("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s, err := rpc.Dial(t.Context(), loopback("ws://"+l.Addr().String()))
		if err != nil {
			t.Fatal(err)
		}
		var callers, under sync.WaitGroup
		under.Add(8)
		for range 8 {
			callers.Go(func() {
				_ = s.Call(t.Context(), "health", nil, nil)
				under.Done()
				for s.Call(t.Context(), "health", nil, nil) == nil {
				}
			})
		}
		under.Wait()
		gw.Restart()
		<-s.Done()
		callers.Wait()
		gw.Close()
		var closed *rpc.CloseError
		if !errors.As(s.Err(), &closed) || closed.Code != 1012 || closed.Notice == nil {
			t.Fatal(s.Err())
		}
	}
}
