package redact_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"clawtray/rpc/redact"
)

const canary = "Canary-4711+/=&\"quoted\""

func TestK3_KnownSecretsVanishInEverySpelling(t *testing.T) {
	r := redact.New(canary, "", "abc", "Canary-4711+/=&\"quoted\" and longer")
	quoted, _ := json.Marshal(map[string]string{"note": canary})
	for _, text := range []string{
		"plain " + canary, string(quoted), "http://127.0.0.1:1/#x=Canary-4711%2B%2F%3D%26%22quoted%22", "Canary-4711+%2F=&%22quoted%22 in a path",
		canary + " and longer",
	} {
		if got := r.String(text); strings.Contains(got, "4711") || strings.Contains(got, "and longer") {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := r.String("abc stays"); got != "abc stays" {
		t.Error(got)
	}
}

func TestK3_WhatLooksLikeASecretVanishes(t *testing.T) {
	var r redact.Redactor // the zero value works, and knows no secret
	for _, text := range []string{
		"token=LEAK", "OPENCLAW_GATEWAY_TOKEN=LEAK", "--token LEAK", "--gateway-token=LEAK", `"deviceToken":"LEAK"`, `\"password\":\"LEAK\"`,
		"password: LEAK", "Authorization: Bearer LEAK", "authorization=Basic LEAK", "sent bearer LEAK", "apiKey='LEAK'", "api_key: \"LEAK\"",
		"http://127.0.0.1:1/#token=LEAK", "http://127.0.0.1:1/?a=b&bootstrapToken=LEAK&x=y", "Set-Cookie: LEAK", "signature=LEAK", "passphrase = LEAK",
		"-----BEGIN PRIVATE KEY-----\nLEAK\n-----END PRIVATE KEY-----", "-----BEGIN OPENSSH PRIVATE KEY-----\nLEAK", "password=12345LEAK", "secret: 1234LEAK56",
	} {
		if got := r.String(text); strings.Contains(got, "LEAK") {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{
		"tokenIncluded=true", `"hasToken":false`, "totalTokens=1234", `{"maxTokens": 200000}`, "the gateway listens on port 18789", "no secret here", "token mismatch",
	} {
		if got := r.String(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestK3_JSON(t *testing.T) {
	r := redact.New(canary)
	in := `{"auth":{"token":"LEAK","tokens":["LEAK",{"x":"LEAK"}],"maxTokens":5,"pin_secret":1234567},"list":[{"Password":"LEAK"}],"note":` +
		string(must(json.Marshal("see "+canary))) + `,"big":12345678901234567890,"privateKey":{"d":"LEAK"},"ok":true}`
	got := string(r.JSON([]byte(in)))
	if strings.Contains(got, "LEAK") || strings.Contains(got, "4711") || strings.Contains(got, "1234567,") {
		t.Error(got)
	}
	for _, kept := range []string{`"maxTokens":5`, `"big":12345678901234567890`, `"ok":true`} {
		if !strings.Contains(got, kept) {
			t.Errorf("%s is gone from %s", kept, got)
		}
	}
	if got := string(r.JSON([]byte(`{"broken": "token=LEAK" `))); strings.Contains(got, "LEAK") {
		t.Error(got)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

type stringer struct{ s string }

func (s *stringer) String() string { return s.s }

func TestK3_LogHandler(t *testing.T) {
	for _, build := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler {
			return slog.NewJSONHandler(b, &slog.HandlerOptions{AddSource: true})
		},
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		var out bytes.Buffer
		r := redact.New()
		log := slog.New(r.Handler(build(&out)))
		r.Add(canary) // learned later: loggers made before know it too
		var none *stringer
		log.With("with", canary, "token", "LEAK").WithGroup("group").Info("message "+canary,
			"text", canary, "error", fmt.Errorf("wrapped: %w", errors.New(canary)), "stringer", &stringer{canary}, "nil", none,
			"bytes", []byte(canary), "raw", json.RawMessage(`{"password":"LEAK"}`), "struct", struct{ Token, Note string }{"LEAK", canary},
			"map", map[string]any{"secret": []string{"LEAK"}}, "func", func() {}, "number", 42, "apiKey", "LEAK",
			slog.Group("inner", "x", canary, "cookie", "LEAK"), slog.Group("credentials", "user", "LEAK"),
			"list", []string{canary})
		got := out.String()
		if strings.Contains(got, "4711") || strings.Contains(got, "LEAK") || strings.Contains(got, "Q2FuYXJ5") {
			t.Error(got)
		}
		if !strings.Contains(got, "42") || !strings.Contains(got, "message") {
			t.Error(got)
		}
	}
}

type panicky struct{}

func (panicky) String() string { return "never for a nil pointer" }

func TestK3_APanickingStringerDoesNotEndTheProgram(t *testing.T) {
	var nothing *panicky
	var out bytes.Buffer
	slog.New(redact.New().Handler(slog.NewTextHandler(&out, nil))).Info("x", "value", nothing)
	if !strings.Contains(out.String(), "value=") {
		t.Errorf("got %q", out.String())
	}
}
