package openclaw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Config has the values that the tests of this file check. The zero value of a field means
// that the configuration file does not set it; ReloadMode and Debounce always have a usable
// value.
type Config struct {
	Exists  bool
	ModTime time.Time
	Hash    string // SHA-256 of the file's bytes, hex; changes when the file does

	Token    string // gateway.auth.token when it is known
	TokenRef bool   // gateway.auth.token is set, but only OpenClaw knows its value
	AuthMode string // gateway.auth.mode: "token", "password", "none", ...
	Port     int    // gateway.port, 0 when absent or not 1..65535
	Mode     string // gateway.mode: "local" or "remote"
	LogFile  string // logging.file

	ReloadMode string        // gateway.reload.mode, "hybrid" when absent
	Debounce   time.Duration // gateway.reload.debounceMs, 1.2 s when absent, within 0..60 s
	Secrets    []string      // all secrets of the file and of other files that belong to it
	// LastTouchedVersion is the OpenClaw version that last wrote the file (meta.lastTouchedVersion).
	LastTouchedVersion string
}

// ReadConfig reads openclaw.json, which is JSON5. A missing file is no error: then Exists
// is false. After an error, the Config still has usable defaults, because an unreadable
// file must not change how reloads work.
func ReadConfig(path string) (Config, error) {
	return (&ConfigReader{Path: path}).Read()
}

// ConfigReader is ReadConfig with the memory of a [Reader].
type ConfigReader struct {
	Path string

	once   sync.Once
	reader *Reader
}

// Read returns the configuration.
func (r *ConfigReader) Read() (Config, error) {
	r.once.Do(func() {
		r.reader = NewReader(Inputs{
			Env:     []string{"OPENCLAW_CONFIG_PATH=" + r.Path, "OPENCLAW_STATE_DIR=" + filepath.Dir(r.Path)},
			Home:    filepath.Dir(r.Path),
			WorkDir: filepath.Dir(r.Path),
		})
	})
	e, err := r.reader.Read(context.Background())
	if err != nil {
		err = fmt.Errorf("OpenClaw's configuration cannot be read: %w", err)
	}
	return configOf(e, err), err
}

// configOf returns e as a Config; err is the error of the same reading.
func configOf(e Effective, err error) Config {
	c := Config{Exists: e.File.Exists || err != nil, ModTime: e.File.ModTime, Hash: e.File.Hash,
		ReloadMode: defaultReloadMode, Debounce: defaultDebounce}
	if err != nil {
		return c
	}
	c.Mode, c.LogFile = e.Mode.Value, e.Log.Value
	c.ReloadMode, c.Debounce = e.Reload.Mode.Value, e.Reload.Debounce.Value
	c.LastTouchedVersion = e.File.LastTouchedVersion
	if e.Listen.Port.Source != SourceDefault {
		c.Port = e.Listen.Port.Value
	}
	if e.SignIn.Mode.Source == Source(filepath.Base(e.Paths.ConfigPath)+": gateway.auth.mode") {
		c.AuthMode = e.SignIn.Mode.Value
	}
	c.Secrets = e.Secrets.Values()
	c.Token, _ = e.SignIn.Token.Value()
	c.TokenRef = c.Token == "" && e.SignIn.Token.State != SecretAbsent
	return c
}

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
		{[]string{"OPENCLAW_PROFILE=work"}, "/h/.openclaw", "/h/.openclaw/openclaw.json"}, // only the flag --profile moves the state folder (2026.9.6)
		{[]string{"OPENCLAW_STATE_DIR="}, "/h/.openclaw", "/h/.openclaw/openclaw.json"},
	} {
		got := PathsFrom(c.env, filepath.FromSlash("/h"))
		if got.StateDir != filepath.FromSlash(c.state) || got.ConfigPath != filepath.FromSlash(c.config) {
			t.Errorf("%q: %+v, want %s and %s", c.env, got, c.state, c.config)
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
	want := Config{Exists: true, Token: "abc", Secrets: []string{"abc"}, AuthMode: "token", Port: 18790, Mode: "local", LogFile: "/var/log/x",
		ReloadMode: "hot", Debounce: 300 * time.Millisecond, LastTouchedVersion: "2026.9.6"}
	if !reflect.DeepEqual(c, want) {
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
		write := func(text string) { // always with the same time and the same length
			if err := errors.Join(os.WriteFile(r.Path, []byte(text), 0o600), os.Chtimes(r.Path, touched, touched)); err != nil {
				t.Fatal(err)
			}
		}
		expect(0)
		write("{gateway:{port:1}}")
		expect(1) // a file with a new time is read at once
		write("{gateway:{port:2}}")
		time.Sleep(configTTL - 1)
		expect(1)
		time.Sleep(1 * time.Nanosecond)
		expect(2)
		write("{gateway:{port:3}}")
		time.Sleep(time.Hour)
		expect(2) // by now a change would have given the file another time
	})
}

func TestE1_ReaderReadsAgainWhatWasWrong(t *testing.T) {
	r := ConfigReader{Path: filepath.Join(t.TempDir(), "openclaw.json")}
	synctest.Test(t, func(t *testing.T) {
		long := time.Now().Add(-time.Hour)
		for i, text := range []string{"{gateway:{port:1]}", "{gateway:{port:1}}"} { // only the content differs, as after a chmod
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

// XS5: all secrets of the configuration are known, because the gateway may print any of
// them.
func TestXS5_SecretsOfTheConfiguration(t *testing.T) {
	c, err := readText(t, `{gateway: {auth: {token: "token-4711", password: "password-4711", mode: "trusted-proxy"}}, channels: {telegram: {botToken: "123:bot-4711"}, slack: {appToken: {source: "env", id: "SLACK_APP"}}}}`)
	slices.Sort(c.Secrets)
	if want := []string{"123:bot-4711", "password-4711", "token-4711"}; err != nil || !slices.Equal(c.Secrets, want) {
		t.Errorf("%q, %v", c.Secrets, err)
	}
}
