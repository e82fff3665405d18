package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"clawtray/rpc"
	"clawtray/supervisor/openclaw"
)

// accepted makes the session the generation's own and tells that the gateway runs.
func (g *generation) accepted(s *rpc.Session) {
	g.session = s
	g.lastClose, g.adopted = nil, false
	select {
	case <-g.silence: // of the connection before
	default:
	}
	g.timing.ready()
	now := time.Now()
	g.connectedAt = now
	if g.readyAt.IsZero() {
		g.readyAt = now
	}
	hello := s.Hello()
	restarted := g.rebooted || g.bootID != "" && g.bootID != hello.Server.BootID
	g.bootID, g.rebooted = hello.Server.BootID, false
	g.log.Info("gateway ready", "version", hello.Server.Version, "protocol", hello.Protocol, "mode", g.mode, "timing", g.timing.timing())
	g.note(func(r *recorder) { r.connected(s) })
	g.hub.connect(s)
	g.hub.emit(rpc.Event{Name: EventReady})
	g.tell(func(st *Status) {
		st.State, st.Phase, st.Mode = Running, Ready, g.mode
		st.ConnectedAt = now
		if restarted {
			st.Launches++
		}
		st.StoppingFor, st.ActiveWork, st.Deadline = "", 0, time.Time{}
		st.GatewayVersion = hello.Server.Version
		st.SlowStart, st.LastLine, st.NextRetryAt = false, "", time.Time{}
		st.Facts = Facts{ProcessAlive: true, PortOpen: true, ProtocolAlive: true, RPCAlive: true}
		st.Health = Health{Level: Healthy}
		if len(st.Missing) > 0 {
			st.Health = st.Health.with(reason(ReasonEnvironment, st.Missing))
		}
		if g.cfg.IdentityProblem != "" {
			st.Health = st.Health.with(reason(ReasonIdentity, g.cfg.IdentityProblem))
		}
		st.Health = st.withSettings()
		if g.mode == Attached && st.StartedAt.IsZero() {
			st.StartedAt = now.Add(-hello.Snapshot.Uptime())
		}
	})
}

// runtimeCause turns what the resolver says into a cause.
func runtimeCause(err error) error {
	var missing *openclaw.MissingError
	if !errors.As(err, &missing) {
		return err
	}
	code := map[openclaw.MissingKind]CauseCode{
		openclaw.NodeMissing:        NodeMissing,
		openclaw.NodeTooOld:         NodeTooOld,
		openclaw.OpenClawMissing:    OpenClawMissing,
		openclaw.ConfiguredUnusable: RuntimeBroken,
	}[missing.Kind]
	return Cause{Code: code, Detail: missing.Sentence}
}

// connectCause turns a refused connect that no retry heals into a cause.
func connectCause(err error, rule rpc.Rule, token openclaw.Token) Cause {
	var e *rpc.Error
	if !errors.As(err, &e) {
		return Cause{Code: Internal, Detail: err.Error()}
	}
	c := Cause{Code: ConnectRefused, Detail: e.Message}
	switch rule.Kind {
	case rpc.KindAuth:
		c = Cause{Code: TokenMismatch, Detail: tokenDetail(token)}
		if e.DetailsCode == "AUTH_TOKEN_MISSING" {
			c = Cause{Code: TokenMissing}
		}
	case rpc.KindPairing:
		var request struct{ RequestID string }
		_ = json.Unmarshal(e.Details, &request) // older gateways have no details
		c = Cause{Code: PairingRequired, Detail: request.RequestID}
	case rpc.KindSignature:
		c.Code = SignatureRefused
		if e.DetailsCode == "DEVICE_AUTH_SIGNATURE_EXPIRED" {
			c.Code = ClockSkew
		}
	case rpc.KindProtocol:
		c.Code = ProtocolMismatch
	case rpc.KindNotGateway:
		c.Code = ConnectRefused
	}
	return c
}

// tokenDetail says where our token comes from and, where it is known, where the
// gateway's does: the two places a person has to make agree.
func tokenDetail(t openclaw.Token) string {
	switch {
	case t.Conflict != "":
		return fmt.Sprintf(": ours comes from %s, but %s", t.Source, t.Conflict)
	case t.Source != "":
		return ": ours comes from " + t.Source
	}
	return ""
}
