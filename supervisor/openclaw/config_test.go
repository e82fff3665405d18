package openclaw

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPathsFrom(t *testing.T) {
	for _, c := range []struct {
		env           []string
		state, config string
	}{
		{nil, "/h/.openclaw", "/h/.openclaw/openclaw.json"},
		{[]string{"OPENCLAW_HOME=/o"}, "/o/.openclaw", "/o/.openclaw/openclaw.json"},
		{[]string{"OPENCLAW_HOME=/o", "OPENCLAW_STATE_DIR=/s"}, "/s", "/s/openclaw.json"},
		{[]string{"OPENCLAW_STATE_DIR=~/s"}, "/h/s", "/h/s/openclaw.json"},
		{[]string{"OPENCLAW_CONFIG_PATH=/c.json"}, "/h/.openclaw", "/c.json"},
		{[]string{"OPENCLAW_PROFILE=work"}, "/h/.openclaw", "/h/.openclaw/openclaw.json"}, // only the flag moves the state (2026.9.6)
		{[]string{"OPENCLAW_STATE_DIR="}, "/h/.openclaw", "/h/.openclaw/openclaw.json"},
	} {
		want := Paths{filepath.FromSlash(c.state), filepath.FromSlash(c.config)}
		if got := PathsFrom(c.env, filepath.FromSlash("/h")); got != want {
			t.Errorf("%q: %+v, want %+v", c.env, got, want)
		}
	}
}

func readText(t *testing.T, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "openclaw.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadConfig(path)
}

func TestE1_ReadConfig(t *testing.T) {
	c, err := readText(t, "\ufeff"+`// a comment
{
  gateway: { port: 18790, mode: 'local', auth: { mode: "token", token: "abc", }, reload: { mode: "hot", debounceMs: 300 } },
  logging: { file: "/var/log/x" }, /* more */ meta: { lastTouchedVersion: "2026.9.6" },
}`)
	if err != nil {
		t.Fatal(err)
	}
	if c.ModTime.IsZero() || len(c.Hash) != 64 {
		t.Errorf("%+v", c)
	}
	c.ModTime, c.Hash = time.Time{}, ""
	want := Config{Exists: true, Token: "abc", AuthMode: "token", Port: 18790, Mode: "local", LogFile: "/var/log/x",
		ReloadMode: "hot", Debounce: 300 * time.Millisecond, LastTouchedVersion: "2026.9.6"}
	if c != want {
		t.Errorf("%+v\nwant %+v", c, want)
	}
}

func TestE1_UnreadableMeansDefaults(t *testing.T) {
	defaults := func(name string, c Config, exists bool) {
		t.Helper()
		if c.ReloadMode != "hybrid" || c.Debounce != 1200*time.Millisecond || c.Exists != exists || c.Token != "" || c.Port != 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	c, err := ReadConfig(filepath.Join(t.TempDir(), "none.json"))
	if err != nil {
		t.Error("a missing file is no error:", err)
	}
	defaults("missing", c, false)
	if c, err = ReadConfig(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
	defaults("folder", c, true)
	for _, text := range []string{"", "{", "[]", "null", `"x"`, "{gateway: {port: 1}", "\x00\x01", "{a:" + strings.Repeat("[", 100_000)} {
		c, err := readText(t, text)
		if err == nil && text != "null" {
			t.Errorf("%.20q: no error", text)
		}
		defaults(text[:min(20, len(text))], c, true)
	}
	for _, text := range []string{
		`{gateway: 1}`, `{gateway: {auth: [], port: "x", reload: "off"}}`, `{gateway: {port: 0}}`, `{gateway: {port: 65536}}`, `{gateway: {port: 1.5}}`,
		`{gateway: {reload: {mode: "sideways", debounceMs: "soon"}}}`, `{gateway: {reload: {debounceMs: NaN}}}`, `{gateway: {auth: {token: null}}}`,
	} {
		c, err := readText(t, text)
		if err != nil {
			t.Errorf("%q: %v: judging the file is OpenClaw's business", text, err)
		}
		defaults(text, c, true)
	}
}

func TestE1_DebounceIsClamped(t *testing.T) {
	for text, want := range map[string]time.Duration{"-5": 0, "0": 0, "60000": time.Minute, "60001": time.Minute, "Infinity": time.Minute, "1e300": time.Minute, "12.7": 12 * time.Millisecond} {
		if c, err := readText(t, "{gateway:{reload:{debounceMs:"+text+"}}}"); err != nil || c.Debounce != want {
			t.Errorf("%s: %v, %v", text, c.Debounce, err)
		}
	}
}

func TestK2_TokenReferences(t *testing.T) {
	for text, ref := range map[string]bool{
		`{gateway:{auth:{token:"plain"}}}`:                   false,
		`{gateway:{auth:{token:"${MY_TOKEN}"}}}`:             true,
		`{gateway:{auth:{token:{source:"env",id:"TOKEN"}}}}`: true,
		`{gateway:{auth:{token:5}}}`:                         true,
		`{gateway:{auth:{}}}`:                                false,
	} {
		c, err := readText(t, text)
		if err != nil || c.TokenRef != ref || (c.Token != "") != (text == `{gateway:{auth:{token:"plain"}}}`) {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
	}
}

func TestE1_HashFollowsTheBytes(t *testing.T) {
	a, errA := readText(t, "{}")
	b, errB := readText(t, "{ }")
	c, errC := readText(t, "{}")
	if errA != nil || errB != nil || errC != nil || a.Hash == b.Hash || a.Hash != c.Hash {
		t.Error(a.Hash, b.Hash, c.Hash)
	}
}

func TestE1_ReaderRemembers(t *testing.T) {
	r := ConfigReader{Path: filepath.Join(t.TempDir(), "openclaw.json")}
	synctest.Test(t, func(t *testing.T) {
		expect := func(port int) {
			t.Helper()
			if c, err := r.Read(); c.Port != port || err != nil {
				t.Errorf("port %d, %v; want %d", c.Port, err, port)
			}
		}
		touched := time.Now()
		write := func(text string) { // always at the same time, and as long
			if err := errors.Join(os.WriteFile(r.Path, []byte(text), 0o600), os.Chtimes(r.Path, touched, touched)); err != nil {
				t.Fatal(err)
			}
		}
		expect(0)
		write("{gateway:{port:1}}")
		expect(1) // a file that has been touched is read at once
		write("{gateway:{port:2}}")
		time.Sleep(configTTL - 1)
		expect(1)
		time.Sleep(1 * time.Nanosecond)
		expect(2)
		write("{gateway:{port:3}}")
		time.Sleep(time.Hour)
		expect(2) // a change now would have given it another time
	})
}

func TestE1_ReaderReadsAgainWhatWasWrong(t *testing.T) {
	r := ConfigReader{Path: filepath.Join(t.TempDir(), "openclaw.json")}
	synctest.Test(t, func(t *testing.T) {
		long := time.Now().Add(-time.Hour)
		for i, text := range []string{"{gateway:{port:1]}", "{gateway:{port:1}}"} { // as after a chmod: only what is read differs
			if err := errors.Join(os.WriteFile(r.Path, []byte(text), 0o600), os.Chtimes(r.Path, long, long)); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Read(); (err == nil) != (i == 1) {
				t.Errorf("%s: %v", text, err)
			}
			time.Sleep(configTTL)
		}
	})
}

func FuzzReadConfig(f *testing.F) {
	for _, text := range []string{"{}", "{gateway:{auth:{token:'x'},port:1e3,reload:{debounceMs:-Infinity}}}", "/*", "{a:0x", "'\\u12", "[[[[", "{__proto__:1,}", "+.5", "\"\\x4"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := Config{ReloadMode: defaultReloadMode, Debounce: defaultDebounce}
		doc, err := parseJSON5(raw)
		if err == nil {
			c.fill(doc)
		}
		if c.Debounce < 0 || c.Debounce > maxDebounce || c.Port < 0 || c.Port > 65535 || c.ReloadMode == "" {
			t.Errorf("%+v", c)
		}
	})
}
