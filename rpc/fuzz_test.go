package rpc

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// FuzzFrame: the scanner accepts exactly the JSON objects that encoding/json accepts, and
// finds in them what encoding/json finds.
func FuzzFrame(f *testing.F) {
	for _, seed := range []string{
		`{"type":"res","id":"2","ok":true,"payload":{"a":[1,-2.5e+3,"x\u00e9\n",null,true]}}`,
		`{"type":"event","event":"tick","payload":{"ts":1},"seq":16}`,
		`{"type":"res","id":7,"ok":false,"error":{"code":"UNAVAILABLE","message":"x"}}`,
		`{"jsonrpc":"2.0","id":"3","result":[]}`, `{"jsonrpc":"2.0","id":"3","error":{"code":-32601}}`, `{"jsonrpc":"2.0","method":"chat","params":{}}`,
		`{"\u0074ype":"res","type":"event","event":"last wins"}`, ` { } `, `{"a":01}`, `{"a":1,}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":[[[]]],"b":{"c":{}}}`,
		`{"type":"res","id":"18446744073709551617"}`, `{"type":"event","event":"x","seq":"7"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		members := map[string]string{}
		got, deep := scanObject(b, func(key, value []byte) {
			name, _ := unquote(key)
			members[string(name)] = string(value)
		})
		var want map[string]json.RawMessage
		err := json.Unmarshal(b, &want)
		object := err == nil && want != nil
		if deep {
			if !nestsDeep(b) {
				t.Fatal("too deep?")
			}
			return
		}
		if got != object {
			t.Fatalf("scanner says %v, encoding/json says %v", got, err)
		}
		if !got {
			return
		}
		for name, value := range want {
			if members[name] != string(value) {
				t.Errorf("%q is %q, want %q", name, members[name], value)
			}
		}
		checkFrame(t, b)
	})
}

// nestsDeep reports whether b may nest deeper than maxDepth.
func nestsDeep(b []byte) bool {
	return bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > maxDepth
}

// checkFrame compares parseFrame with encoding/json, for members that both can read.
func checkFrame(t *testing.T, b []byte) {
	f := parseFrame(b)
	var want map[string]json.RawMessage
	if json.Unmarshal(b, &want) != nil {
		t.Fatal("not an object")
	}
	var typ string
	_ = json.Unmarshal(want["type"], &typ)
	if (f.kind == frameResponse) != (typ == "res") && string(want["jsonrpc"]) != `"2.0"` && utf8.Valid(want["jsonrpc"]) && !bytes.Contains(want["jsonrpc"], []byte(`\`)) {
		t.Errorf("kind %s for type %q", f.kind, typ)
	}
	if typ == "res" && string(f.payload) != string(want["payload"]) {
		t.Errorf("payload %q, want %q", f.payload, want["payload"])
	}
}

// FuzzSession: a server may send any bytes, also during the handshake: nothing panics,
// blocks, or leaves a goroutine behind. The first byte says at which stage of a correct
// handshake the bytes come.
func FuzzSession(f *testing.F) {
	event := websocketFrame(`{"type":"event","event":"chat","payload":{},"seq":1}`)
	for _, seed := range [][]byte{
		event, websocketFrame(`{"type":"res","id":"2","ok":true,"payload":{}}`), websocketFrame(`garbage`), {0x88, 2, 3, 0xe8}, {0x89, 1, 'x'}, {0x8a, 0},
		{0x01, 1, '{', 0x80, 1, '}'}, {0x81, 127, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, []byte("HTTP/1.1 503 Busy\r\n\r\n"),
		websocketFrame(`{"type":"event","event":"connect.challenge","payload":{"nonce":"n","ts":1}}`),
		websocketFrame(`{"type":"res","id":"1","ok":false,"error":{"code":"UNAVAILABLE","retryAfterMs":1e300,"details":{"reason":"startup-sidecars"}}}`),
		websocketFrame(`{"type":"res","id":"1","ok":true,"payload":{"type":"hello-ok","protocol":4,"policy":{"tickIntervalMs":-1e300}}}`),
		websocketFrame(`{"type":"event","event":"shutdown","payload":{"restartExpectedMs":-1e300}}`),
		bytes.Repeat(event, 5),
	} {
		for stage := range byte(stages) {
			f.Add(stage, seed)
		}
	}
	f.Fuzz(func(t *testing.T, stage byte, sent []byte) {
		synctest.Test(t, func(t *testing.T) { fuzzSession(t, stage%stages, sent) })
	})
}

// stages: 0 bytes instead of the upgrade, 1 instead of the challenge, 2 instead of hello, 3 in the session.
const stages = 4

func fuzzSession(t *testing.T, stage byte, sent []byte) {
	client, server := net.Pipe()
	served := make(chan struct{})
	go func() {
		defer close(served)
		defer server.Close()
		fuzzServer(server, stage, sent)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dialled := false
	s, err := Dial(ctx, Options{Gateway: Gateway{URL: "ws://fuzz", Trusted: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		if dialled {
			return nil, io.EOF // at a second attempt nobody listens
		}
		dialled = true
		return client, nil
	}}, Credentials: Credentials{Token: "fuzz-token"}})
	if err == nil {
		sub := s.Subscribe(1)
		var result any
		_ = s.Call(ctx, "health", nil, &result)
		_ = s.Ping(ctx)
		_ = s.Stats()
		s.Close()
		for range sub.C() {
		}
		err = s.Err()
	}
	if err == nil || RuleFor(err).Sentence == "" {
		t.Error("no reason: ", err)
	}
	client.Close()
	<-served
}

// fuzzServer follows the protocol up to the stage, then sends the bytes, and then only reads.
func fuzzServer(c net.Conn, stage byte, sent []byte) {
	reader := bufio.NewReader(c)
	request, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	go func() { _, _ = io.Copy(io.Discard, reader) }() // the client's side; ends with it
	if stage > 0 {
		upgrade := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			acceptKey(request.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n"
		_, _ = io.WriteString(c, upgrade)
	}
	if stage > 1 {
		_, _ = c.Write(websocketFrame(`{"type":"event","event":"connect.challenge","payload":{"nonce":"n","ts":1795300069025}}`))
	}
	if stage > 2 {
		_, _ = c.Write(websocketFrame(`{"type":"res","id":"1","ok":true,"payload":{"type":"hello-ok","protocol":4}}`))
	}
	_, _ = c.Write(sent)
}

func websocketFrame(text string) []byte {
	if len(text) < 126 {
		return append([]byte{0x81, byte(len(text))}, text...)
	}
	return append([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}, text...)
}

// acceptKey computes what a WebSocket server answers (RFC 6455, 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// FuzzIdentity: any file becomes a usable identity or an error, and is never lost.
func FuzzIdentity(f *testing.F) {
	id, err := NewIdentity()
	if err != nil {
		f.Fatal(err)
	}
	valid, err := id.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Add([]byte(""))
	f.Add(bytes.Replace(valid, []byte("PRIVATE"), []byte("PUBLIC"), 2))
	f.Add(valid[:len(valid)/2])
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "identity.pem")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		id, report, err := LoadOrCreateIdentity(path)
		if err != nil {
			t.Fatal(err)
		}
		if report.Created != (report.MovedAside != "") {
			t.Errorf("%+v", report)
		}
		if report.Created {
			if kept, err := os.ReadFile(report.MovedAside); err != nil || !bytes.Equal(kept, content) {
				t.Error("lost: ", err)
			}
		}
		again, report, err := LoadOrCreateIdentity(path)
		if err != nil || report.Created || again.DeviceID() != id.DeviceID() {
			t.Error(report, err)
		}
		_ = id.prove(signatureV3, ClientInfo{}, "token", challenge{Nonce: string(content), TS: 1})
	})
}

// FuzzDeviceTokens: a file of any content can be read and replaced.
func FuzzDeviceTokens(f *testing.F) {
	f.Add([]byte(`{"key":"token"}`), "key", "token")
	f.Add([]byte(`{"key":7}`), "", "\x00")
	f.Add([]byte(`null`), "a", "b")
	f.Fuzz(func(t *testing.T, content []byte, key, token string) {
		path := filepath.Join(t.TempDir(), "tokens.json")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		store := NewFileDeviceTokens(path)
		if _, err := store.Load(key); err != nil {
			t.Fatal(err)
		}
		if err := store.Save(key, token); err != nil {
			t.Fatal(err)
		}
		got, err := NewFileDeviceTokens(path).Load(strings.ToValidUTF8(key, "\ufffd"))
		if err != nil || utf8.ValidString(key) && utf8.ValidString(token) && got != token {
			t.Errorf("%q, %v", got, err)
		}
		if err := store.Clear(key); err != nil {
			t.Fatal(err)
		}
	})
}
