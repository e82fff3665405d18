package openclaw

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/titanous/json5"
)

const (
	// defaultDebounce is how long reloads are collected when the configuration does not say (BEHAVIOUR E1).
	defaultDebounce = 1200 * time.Millisecond
	// maxDebounce bounds what the configuration may ask for; longer looks like a reload that never comes.
	maxDebounce = 60 * time.Second
	// defaultReloadMode is OpenClaw's own default.
	defaultReloadMode = "hybrid"
	// maxConfigSize bounds what is read of a file a person writes by hand; deeper nesting than fits
	// in it could exhaust the decoder's stack.
	maxConfigSize = 2 << 20
)

// Paths says where one Gateway keeps its things.
type Paths struct {
	StateDir   string
	ConfigPath string
}

// PathsFrom returns the paths a Gateway started with env uses; home stands in when HOME is unset.
// The rules, measured on OpenClaw 2026.3.13 to 2026.9.6: OPENCLAW_STATE_DIR, else
// OPENCLAW_HOME/.openclaw, else ~/.openclaw; OPENCLAW_CONFIG_PATH moves only the file.
func PathsFrom(env []string, home string) Paths {
	base := home
	if v := getenv(env, "OPENCLAW_HOME"); v != "" {
		base = expandHome(v, home)
	}
	p := Paths{StateDir: filepath.Join(base, ".openclaw")}
	if v := getenv(env, "OPENCLAW_STATE_DIR"); v != "" {
		p.StateDir = expandHome(v, base)
	}
	p.ConfigPath = filepath.Join(p.StateDir, "openclaw.json")
	if v := getenv(env, "OPENCLAW_CONFIG_PATH"); v != "" {
		p.ConfigPath = expandHome(v, base)
	}
	return p
}

// expandHome replaces a leading "~" by home.
func expandHome(path, home string) string {
	if path == "~" {
		return home
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(home, rest)
	}
	if rest, ok := strings.CutPrefix(path, `~\`); ok {
		return filepath.Join(home, rest)
	}
	return path
}

// Config is the part of openclaw.json a supervisor needs. The zero value of a field means the
// file does not say; ReloadMode and Debounce always hold a usable value.
type Config struct {
	Exists  bool
	ModTime time.Time
	Hash    string // SHA-256 of the file's bytes, hex; changes when the file does

	Token    string // gateway.auth.token when it is a plain string
	TokenRef bool   // gateway.auth.token is there but refers to a secret kept elsewhere
	AuthMode string // gateway.auth.mode: "token", "password", "none", ...
	Port     int    // gateway.port, 0 when absent or not 1..65535
	Mode     string // gateway.mode: "local" or "remote"
	LogFile  string // logging.file

	ReloadMode string        // gateway.reload.mode, "hybrid" when absent
	Debounce   time.Duration // gateway.reload.debounceMs, 1.2 s when absent, within 0..60 s
	// LastTouchedVersion is the OpenClaw version that last wrote the file (meta.lastTouchedVersion).
	// OpenClaw refuses to start on a file of a newer version (measured, 2026.9.6).
	LastTouchedVersion string
}

// ReadConfig reads openclaw.json, which is JSON5. A missing file is no error: Exists is false.
// After an error the Config still has usable defaults, because an unreadable file must not decide
// how reloads work.
func ReadConfig(path string) (Config, error) {
	c := Config{ReloadMode: defaultReloadMode, Debounce: defaultDebounce}
	raw, modTime, err := readLimited(path, maxConfigSize)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	c.Exists = true
	if err != nil {
		return c, fmt.Errorf("read OpenClaw's configuration: %w", err)
	}
	c.ModTime = modTime
	sum := sha256.Sum256(raw)
	c.Hash = hex.EncodeToString(sum[:])
	doc, err := parseJSON5(raw)
	if err != nil {
		return c, fmt.Errorf("OpenClaw's configuration %s is not valid JSON5: %w", path, err)
	}
	c.fill(doc)
	return c, nil
}

const (
	// configTTL is how long a ConfigReader's answer is used again: reloads come in bursts (BEHAVIOUR E1).
	configTTL = 15 * time.Second
	// settledAfter is when a file that changes again gets another time: the coarsest
	// file system, FAT, counts in steps of 2 s.
	settledAfter = 2 * time.Second
)

// ConfigReader is ReadConfig with a memory: of 15 s, and for good of a file that
// was good and has not been touched since. Callers at the same time share one
// reading.
type ConfigReader struct {
	Path string

	mu      sync.Mutex
	read    time.Time
	as      string // the file's stamp at that time
	settled bool   // whatever changes the file will change its stamp
	c       Config
	err     error
}

// Read returns the configuration.
func (r *ConfigReader) Read() (Config, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if as := stamp(r.Path); as != r.as || !r.settled && time.Since(r.read) >= configTTL {
		r.read, r.as = time.Now(), as
		r.c, r.err = ReadConfig(r.Path)
		r.settled = r.err == nil && r.read.Sub(r.c.ModTime) > settledAfter
	}
	return r.c, r.err
}

// readLimited reads at most limit bytes of a regular file.
func readLimited(path string, limit int64) ([]byte, time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !info.Mode().IsRegular() { // opening a fifo would wait for a writer
		return nil, time.Time{}, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, time.Time{}, err
	}
	if int64(len(raw)) > limit {
		return nil, time.Time{}, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %d bytes", limit)}
	}
	return raw, info.ModTime(), nil
}

// parseJSON5 decodes one JSON5 object.
func parseJSON5(raw []byte) (doc map[string]any, err error) {
	// The decoder is old and was never fuzzed by its authors; a file must not end the program.
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, fmt.Errorf("the JSON5 decoder gave up: %v", r)
		}
	}()
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if err := json5.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// fill takes what it knows from doc and skips values of another type: judging the file is
// OpenClaw's business.
func (c *Config) fill(doc map[string]any) {
	switch token := field(doc, "gateway", "auth", "token").(type) {
	case nil:
	case string:
		// "${NAME}" is OpenClaw's own substitution, so the text is not the token.
		if strings.Contains(token, "${") {
			c.TokenRef = true
		} else {
			c.Token = token
		}
	default:
		c.TokenRef = true
	}
	c.AuthMode, _ = field(doc, "gateway", "auth", "mode").(string)
	c.Mode, _ = field(doc, "gateway", "mode").(string)
	c.LogFile, _ = field(doc, "logging", "file").(string)
	c.LastTouchedVersion, _ = field(doc, "meta", "lastTouchedVersion").(string)
	if port, ok := field(doc, "gateway", "port").(float64); ok && port >= 1 && port <= 65535 && port == float64(int(port)) {
		c.Port = int(port)
	}
	if mode, ok := field(doc, "gateway", "reload", "mode").(string); ok {
		switch mode {
		case "off", "restart", "hot", "hybrid":
			c.ReloadMode = mode
		}
	}
	if ms, ok := field(doc, "gateway", "reload", "debounceMs").(float64); ok && ms == ms {
		ms = min(max(ms, 0), float64(maxDebounce.Milliseconds()))
		c.Debounce = time.Duration(ms) * time.Millisecond
	}
}

// field walks nested objects; it returns nil when a key is missing on the way.
func field(doc map[string]any, keys ...string) any {
	var v any = doc
	for _, key := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}
