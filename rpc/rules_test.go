package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"clawtray/rpc"
)

func TestH4_TableIsTotalAndConsistent(t *testing.T) {
	seen := map[string]bool{}
	kinds := map[rpc.Kind]bool{}
	for _, rule := range rpc.Rules() {
		if seen[rule.Code] {
			t.Errorf("%s has two rows", rule.Code)
		}
		seen[rule.Code] = true
		kinds[rule.Kind] = true
		if rule.Code == "" || rule.Sentence == "" {
			t.Errorf("incomplete: %+v", rule)
		}
		if rule.Action != rpc.ActionNone && !rule.Notify {
			t.Errorf("%s offers an action but notifies nobody", rule.Code)
		}
		if rule.ClearDeviceToken && rule.Retry {
			t.Errorf("%s: a refused device token is no reason to loop", rule.Code)
		}
	}
	for kind := rpc.KindAnswer; kind <= rpc.KindUntrusted; kind++ {
		if !seen[kind.String()] || !kinds[kind] {
			t.Errorf("kind %s has no default row", kind)
		}
		rule := rpc.RuleFor(&rpc.Error{Kind: kind, Code: "NEVER_HEARD_OF", DetailsCode: "NEITHER"})
		if rule.Kind != kind || rule.Sentence == "" {
			t.Errorf("%s: %+v", kind, rule)
		}
	}
	for _, err := range []error{errors.New("any"), context.DeadlineExceeded, &rpc.Error{Kind: 99}, &rpc.Error{Kind: -1}, fmt.Errorf("wrapped: %w", &rpc.CloseError{Code: 1006})} {
		if rule := rpc.RuleFor(err); rule.Kind != rpc.KindTransport || !rule.Retry {
			t.Errorf("%v: %+v", err, rule)
		}
	}
	if rule := rpc.RuleFor(nil); rule != (rpc.Rule{}) {
		t.Errorf("%+v", rule)
	}
}

// TestH4_WhatNoRetryCanHealDoesNotLoop names the rows behaviour depends on.
func TestH4_WhatNoRetryCanHealDoesNotLoop(t *testing.T) {
	for _, c := range []struct {
		kind    rpc.Kind
		code    string
		details string
		retry   bool
		clear   bool
		action  rpc.Action
	}{
		{rpc.KindAuth, "INVALID_REQUEST", "AUTH_TOKEN_MISMATCH", false, true, rpc.ActionOpenConfig},
		{rpc.KindAuth, "INVALID_REQUEST", "AUTH_TOKEN_MISSING", false, false, rpc.ActionOpenConfig},
		{rpc.KindAuth, "INVALID_REQUEST", "AUTH_DEVICE_TOKEN_MISMATCH", false, true, rpc.ActionOpenConfig},
		{rpc.KindPairing, "NOT_PAIRED", "PAIRING_REQUIRED", false, false, rpc.ActionApproveDevice},
		{rpc.KindPairing, "NOT_PAIRED", "A_NEW_REASON", false, false, rpc.ActionApproveDevice},
		{rpc.KindSignature, "INVALID_REQUEST", "DEVICE_AUTH_SIGNATURE_INVALID", false, false, rpc.ActionNone},
		{rpc.KindSignature, "INVALID_REQUEST", "DEVICE_AUTH_SIGNATURE_EXPIRED", false, false, rpc.ActionCheckClock},
		{rpc.KindProtocol, "INVALID_REQUEST", "PROTOCOL_MISMATCH", false, false, rpc.ActionUpdate},
		{rpc.KindScope, "FORBIDDEN", "MISSING_SCOPE", false, false, rpc.ActionOpenDashboard},
		{rpc.KindStarting, "UNAVAILABLE", "startup-sidecars", true, false, rpc.ActionNone},
		{rpc.KindDraining, "UNAVAILABLE", "gateway-restarting", true, false, rpc.ActionNone},
		{rpc.KindBusy, "UNAVAILABLE", "", true, false, rpc.ActionNone},
	} {
		rule := rpc.RuleFor(&rpc.Error{Op: "connect", Kind: c.kind, Code: c.code, DetailsCode: c.details})
		if rule.Retry != c.retry || rule.ClearDeviceToken != c.clear || rule.Action != c.action {
			t.Errorf("%s %s: %+v", c.code, c.details, rule)
		}
	}
	if !rpc.RuleFor(&rpc.Error{Kind: rpc.KindAnswer, Retryable: true}).Retry {
		t.Error("the gateway's own advice to retry is followed")
	}
}

func TestNamesAreStable(t *testing.T) {
	for got, want := range map[string]string{
		rpc.KindUnknownMethod.String(): "unknown-method", rpc.Kind(99).String(): "kind(99)", rpc.ActionApproveDevice.String(): "approve-device",
		rpc.Action(99).String(): "none", rpc.PhaseOpened.String(): "opened", rpc.Phase(9).String(): "phase(9)",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&rpc.Error{Op: "x", Kind: rpc.KindBusy}, "rpc: x: busy"},
		{&rpc.Error{Op: "x", Err: errors.New("why")}, "rpc: x: why"},
		{&rpc.CloseError{Code: 1012, Reason: "service restart", Notice: &rpc.Shutdown{Reason: "gateway stopping"}}, "rpc: connection closed: 1012 service restart after notice: gateway stopping"},
		{&rpc.CloseError{Err: rpc.ErrClosed}, "rpc: session closed"},
		{&rpc.CloseError{Err: errors.New("stopped")}, "rpc: session ended: stopped"},
	} {
		if c.err.Error() != c.want {
			t.Errorf("%q, want %q", c.err, c.want)
		}
	}
}
