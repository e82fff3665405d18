package rpc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/rpc"
	"clawtray/rpc/gatewaytest"
)

// watched opens a session. silences returns what OnSilence got since the last call, each
// with the virtual second of the report.
func watched(t *testing.T, cfg gatewaytest.Config) (*gatewaytest.Gateway, *rpc.Session, func() string) {
	start := time.Now()
	seen := make(chan string, 100)
	cfg.Quirks.Quiet = true // the gateway's own pings would be signs of life
	gw, s := open(t, cfg, func(o *rpc.Options) {
		o.Limits.PingInterval, o.Limits.PongTimeout = 30*time.Second, 12*time.Second // those of Windows are longer
		o.OnSilence = func(si rpc.Silence) {
			seen <- fmt.Sprintf("%ds:%d", int(time.Since(start).Seconds()), si.Misses)
		}
	})
	return gw, s, func() string {
		var all []string
		for len(seen) > 0 {
			all = append(all, <-seen)
		}
		return strings.Join(all, " ")
	}
}

// pass lets virtual time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestF1_PingsKeepAQuietConnectionAlive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, s, silences := watched(t, gatewaytest.Config{})
		pass(time.Hour)
		if got := silences(); got != "" || s.Err() != nil || s.Stats().LastFrameKind != "pong" {
			t.Error(got, s.Err(), s.Stats())
		}
	})
}

// TestF1_NoPingWhileFramesArrive: while ticks arrive, no ping is sent.
func TestF1_NoPingWhileFramesArrive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, s, silences := watched(t, gatewaytest.Config{Policy: gatewaytest.Policy{Tick: 30 * time.Second}})
		pass(time.Hour)
		if got := silences(); got != "" || !s.Stats().LastPong.IsZero() || s.Stats().LastFrameKind != "event tick" {
			t.Errorf("%s %+v", got, s.Stats())
		}
	})
}

// TestF1_SilenceIsReportedNotActedOn: the first ping comes after 32 s, because a tick was due
// at 30 s; it has 12 s; then there is a ping every 30 s. The third miss comes within 2 min.
func TestF1_SilenceIsReportedNotActedOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s, silences := watched(t, gatewaytest.Config{})
		gw.Silence(true)
		pass(105 * time.Second)
		if got := silences(); got != "44s:1 74s:2 104s:3" {
			t.Error(got)
		}
		pass(time.Minute)
		if got := silences(); got != "134s:4 164s:5" || s.Err() != nil || s.Stats().Misses != 5 {
			t.Error(got, s.Err())
		}
		gw.Silence(false) // it goes on as if nothing had been (measured: SIGSTOP, SIGCONT)
		synctest.Wait()
		if got := silences(); got != "165s:0" || s.Stats().Misses != 0 {
			t.Error(got)
		}
		if err := s.Call(t.Context(), "health", nil, nil); err != nil {
			t.Error(err)
		}
		pass(time.Hour)
		if got := silences(); got != "" {
			t.Error(got)
		}
	})
}

// TestF1_AnyByteIsLife: a part of a message is a sign of life, too, and sets the misses back
// to 0 at once.
func TestF1_AnyByteIsLife(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s, silences := watched(t, gatewaytest.Config{})
		conn := gw.Conns()[0]
		message := gatewaytest.TextFrame([]byte(`{"type":"event","event":"slow"}`))
		gw.IgnorePings(true)
		pass(50 * time.Second)
		for i := range message {
			conn.RawBytes(message[i : i+1])
			pass(20 * time.Second)
		}
		if got := silences(); got != "44s:1 50s:0" || s.Err() != nil {
			t.Error(got, s.Err())
		}
		if kind := s.Stats().LastFrameKind; kind != "event slow" {
			t.Error(kind)
		}
		_ = conn
	})
}

func TestF1_EndOfSessionEndsTheWatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s, silences := watched(t, gatewaytest.Config{})
		gw.Silence(true)
		pass(50 * time.Second)
		s.Close()
		pass(time.Hour)
		if got := silences(); got != "44s:1" {
			t.Error(got)
		}
	})
}

// TestF1_WriteThatNeverEnds: a peer that lives but never reads ends the session after 200 s.
func TestF1_WriteThatNeverEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw, s, _ := watched(t, gatewaytest.Config{})
		gw.Silence(true)
		start := time.Now()
		<-s.Done()
		if took := time.Since(start).Round(time.Second); took < 200*time.Second || took > 300*time.Second {
			t.Error(took)
		}
	})
}
