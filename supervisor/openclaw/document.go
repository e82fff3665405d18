package openclaw

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"clawtray/rpc/redact"
)

const (
	// defaultPort is the port of a Gateway without a profile.
	defaultPort = 18789
	// devPort is the port of the profile dev (2026.9.6).
	devPort = 19001
	// defaultDebounce is the time over which reloads are collected when the configuration
	// does not set it (BEHAVIOUR E1).
	defaultDebounce = 1200 * time.Millisecond
	// maxDebounce is the maximum that the configuration may set. With a longer time, a
	// reload would seem never to happen.
	maxDebounce = 60 * time.Second
	// defaultReloadMode is OpenClaw's default of gateway.reload.mode.
	defaultReloadMode = "hybrid"
)

// document is openclaw.json with all included files, and what is needed to read its values.
type document struct {
	tree     map[string]any
	paths    Paths
	vars     *variables
	files    *openFiles
	problems []*ConfigError
}

// load reads openclaw.json. A missing file is an empty document.
func (d *document) load() (ConfigFile, error) {
	path := d.paths.ConfigPath
	d.tree = map[string]any{}
	raw, info, err := d.files.read(path, maxConfigSize)
	if isMissing(err) {
		return ConfigFile{}, nil
	}
	if err != nil {
		return ConfigFile{Exists: true}, err
	}
	sum := sha256.Sum256(raw)
	file := ConfigFile{Exists: true, Foreign: foreign(info), Hash: hex.EncodeToString(sum[:]), ModTime: info.ModTime()}
	v, err := decodeConfig(path, raw)
	if err == nil {
		v, err = newIncluder(d.files, path, d.paths.includeRoots(d.vars)).expand(v, []string{path})
	}
	file.Changed = d.files.newest
	if err != nil {
		return file, err
	}
	tree, ok := v.(map[string]any)
	if !ok {
		return file, &ConfigError{Kind: ConfigBroken, Path: path, Err: errNotAnObject}
	}
	d.tree = tree
	_, file.HasGateway = tree["gateway"].(map[string]any)
	_, file.HasMode = field(tree, "gateway", "mode").(string)
	file.LastTouchedVersion, _ = field(tree, "meta", "lastTouchedVersion").(string)
	d.vars.loadBlock(tree, path)
	if d.asksLoginShell() {
		d.vars.login = sync.OnceValue(d.askLoginShell)
	}
	file.Files = d.files.present(path)
	return file, nil
}

// source returns the Source for a key of openclaw.json.
func (d *document) source(key string) Source {
	return Source(filepath.Base(d.paths.ConfigPath) + ": " + key)
}

func (d *document) problem(kind ConfigErrorKind, key string, err error) *ConfigError {
	return &ConfigError{Kind: kind, Path: d.paths.ConfigPath, Key: key, Changed: d.files.newest, Err: err}
}

// wrong records a value that OpenClaw will reject. It is not an error here, because
// OpenClaw reports it at its start and the other values are still usable.
func (d *document) wrong(key, what string) {
	d.problems = append(d.problems, d.problem(ConfigInvalid, key, errors.New(what)))
}

// text returns a text with its variables replaced. If the value is not a text, or a
// variable is missing, it records a problem and returns "".
func (d *document) text(keys ...string) string {
	key := strings.Join(keys, ".")
	switch v := field(d.tree, keys...).(type) {
	case nil:
		return ""
	case string:
		text, missing := d.vars.substitute(v)
		if len(missing) == 0 {
			return trimJS(text)
		}
		problem := d.problem(ConfigUnresolved, key, nil)
		problem.Variable = missing[0]
		d.problems = append(d.problems, problem)
	default:
		d.wrong(key, "it is not a text")
	}
	return ""
}

// flag returns a boolean value.
func (d *document) flag(keys ...string) bool {
	switch v := field(d.tree, keys...).(type) {
	case nil:
	case bool:
		return v
	default:
		d.wrong(strings.Join(keys, "."), "it is neither true nor false")
	}
	return false
}

// field returns the value at a path of keys in nested objects; nil when a key is missing.
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

// choose returns the first candidate that is set. Later candidates with another value are
// listed in its field Over.
func choose[T comparable](candidates ...Given[T]) Given[T] {
	var unset, chosen T
	var result Given[T]
	for _, c := range candidates {
		switch {
		case c.Value == unset && c.Source != SourceDefault:
		case result.Source == "":
			result, chosen = c, c.Value
		case c.Value != chosen && c.Source != SourceDefault:
			result.Over = append(result.Over, Other{fmt.Sprint(c.Value), c.Source})
		}
	}
	return result
}

// Overrides are clawtray's own values. They have priority over everything that OpenClaw
// reads.
type Overrides struct {
	Port       int // 0 means none
	PortSource Source
	Token      string // empty means none; a token in openclaw.json has priority over it (BEHAVIOUR K2)
}

// effective reads all values that a supervisor needs.
func (d *document) effective(file ConfigFile, given Overrides, container bool) Effective {
	e := Effective{Paths: d.paths, File: file, Reload: d.reload(), TLS: d.tls(), SignIn: d.signIn()}
	mode := Given[string]{Value: d.text("gateway", "mode"), Source: d.source("gateway.mode")}
	if e.Mode = choose(mode); e.Mode.Value != "" && e.Mode.Value != "local" && e.Mode.Value != "remote" {
		d.wrong("gateway.mode", "it is neither local nor remote")
	}
	if e.IsRemote() {
		e.Remote = d.remote()
	}
	e.Listen = d.listen(given, container)
	if port := e.Remote.port(); port != 0 {
		e.Listen.Port = Given[int]{Value: port, Source: d.source("gateway.remote.url")}
	}
	e.UI.Disabled = field(d.tree, "gateway", "controlUi", "enabled") == false
	e.UI.BasePath = d.basePath()
	e.Log = choose(Given[string]{Value: d.text("logging", "file"), Source: d.source("logging.file")})
	e.Problems = d.problems
	e.Needs = d.needs()
	e.Secrets = d.secrets(e.SignIn)
	return e
}

// secrets returns the secrets of the file and its included files, of the .env files and of
// the env block, and the secrets that the sign-in refers to.
func (d *document) secrets(in SignIn) Secrets {
	found := redact.Secrets(d.tree)
	for _, place := range []map[string]variable{d.vars.files, d.vars.block} {
		for name, v := range place {
			found = append(found, redact.EnvSecrets([]string{name + "=" + v.value})...)
		}
	}
	for _, s := range []Secret{in.Token, in.Password} {
		if value, known := s.Value(); known {
			found = append(found, value)
		}
	}
	slices.Sort(found)
	return Secrets{slices.Compact(found)}
}

// needs are the variables of the process, and of the login shell, that the configuration refers to.
func (d *document) needs() []Variable {
	var needs []Variable
	own := variables{process: d.vars.process, given: d.vars.given}
	for _, name := range slices.Sorted(maps.Keys(d.vars.referred)) {
		found, ok := own.get(name)
		if all, _ := d.vars.get(name); !ok && fromLoginShell(all.source) {
			found, ok = all, true
		}
		if ok {
			needs = append(needs, Variable{name, found.value})
		}
	}
	return needs
}

func (d *document) listen(given Overrides, container bool) Listen {
	l := Listen{Port: d.port(given), Bind: d.bind(container)}
	if l.Bind.Value == "custom" {
		l.CustomHost = d.text("gateway", "customBindHost")
	}
	return l
}

func (d *document) port(given Overrides) Given[int] {
	candidates := []Given[int]{{Value: given.Port, Source: given.PortSource}}
	for _, found := range d.vars.all("OPENCLAW_GATEWAY_PORT") {
		candidates = append(candidates, Given[int]{Value: portOf(found.value), Source: found.source})
	}
	candidates = append(candidates, Given[int]{Value: d.configPort(), Source: d.source("gateway.port")})
	if port := choose(candidates...); port.Value != 0 {
		return port
	}
	return d.defaultPort()
}

// defaultPort returns the port when nothing sets one. A profile that is only named by
// OPENCLAW_PROFILE changes the port, but no folder (measured, 2026.9.6).
func (d *document) defaultPort() Given[int] {
	name, source := d.paths.Profile, Source("the profile "+d.paths.Profile)
	if name == "dev" {
		return Given[int]{Value: devPort, Source: source}
	}
	if found, ok := d.vars.get("OPENCLAW_PROFILE"); ok && name == "" {
		name, source = trimJS(found.value), found.source
	}
	if isDefaultProfile(name) || !openclawProfile.MatchString(strings.ToLower(name)) {
		return Given[int]{Value: defaultPort, Source: SourceDefault}
	}
	return Given[int]{Value: profilePort(name), Source: source}
}

func (d *document) configPort() int {
	switch v := field(d.tree, "gateway", "port").(type) {
	case nil:
		return 0
	case float64:
		if v >= 1 && v <= 65535 && v == float64(int(v)) {
			return int(v)
		}
	}
	d.wrong("gateway.port", "it is not a port number from 1 to 65535")
	return 0
}

var hostAndPort = regexp.MustCompile(`^(?:\[[^\]]+\]:|[^:]+:)?([0-9]+)$`)

// portOf reads a port in the forms that OPENCLAW_GATEWAY_PORT allows: a number, or an
// address that ends with one. It returns 0 for a text that OpenClaw ignores.
func portOf(text string) int {
	m := hostAndPort.FindStringSubmatch(trimJS(text))
	if m == nil {
		return 0
	}
	if port, err := strconv.Atoi(m[1]); err == nil && port <= 65535 {
		return port
	}
	return 0
}

// profilePort returns the port of a profile that does not set one: a number computed from
// its name, so that two profiles usually differ (measured, 2026.9.6; the documentation says
// 18789).
func profilePort(profile string) int {
	hash := fnv.New32a()
	hash.Write([]byte(profile))
	return 20_000 + int(hash.Sum32()%40_000)
}

func (d *document) bind(container bool) Given[string] {
	bind := Given[string]{Value: d.text("gateway", "bind"), Source: d.source("gateway.bind")}
	if bind.Value != "" && !slices.Contains([]string{"loopback", "lan", "tailnet", "auto", "custom"}, bind.Value) {
		d.wrong("gateway.bind", "it is none of loopback, lan, tailnet, auto and custom")
		bind.Value = ""
	}
	byDefault := Given[string]{Value: "loopback", Source: SourceDefault}
	if tailscale := d.text("gateway", "tailscale", "mode"); container && (tailscale == "" || tailscale == "off") {
		byDefault.Value = "auto"
	}
	return choose(bind, byDefault)
}

func (d *document) basePath() Given[string] {
	path := strings.TrimSuffix(d.text("gateway", "controlUi", "basePath"), "/")
	if path != "" && !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return choose(Given[string]{Value: path, Source: d.source("gateway.controlUi.basePath")}, Given[string]{Source: SourceDefault})
}

// maxCertificate is OpenClaw's own limit for a certificate file.
const maxCertificate = 64 << 10

func (d *document) tls() TLS {
	if !d.flag("gateway", "tls", "enabled") {
		return TLS{}
	}
	t := TLS{Enabled: true, CertPath: filepath.Join(d.paths.StateDir, "gateway", "tls", "gateway-cert.pem")}
	if path := d.text("gateway", "tls", "certPath"); path != "" {
		t.CertPath = d.paths.expand(path)
	}
	newest := d.files.newest // a new certificate does not count as a change of the configuration
	raw, _, err := d.files.read(t.CertPath, maxCertificate)
	d.files.newest = newest
	if err != nil {
		return t
	}
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			t.Fingerprint = fingerprintOf(cert)
		}
		break // the first certificate in the file is the gateway's own
	}
	return t
}

const remotePinKey = "gateway.remote.tlsFingerprint"

var fingerprint = regexp.MustCompile(`^(?:[0-9a-f]{64}|(?:[0-9a-f]{2}:){31}[0-9a-f]{2})$`)

func (d *document) remote() Remote {
	r := Remote{
		URL:       d.text("gateway", "remote", "url"),
		SSH:       d.text("gateway", "remote", "transport") != "direct",
		SSHTarget: d.text("gateway", "remote", "sshTarget"),
		SSHKey:    d.text("gateway", "remote", "sshIdentity"),
		Token:     first(append([]Secret{d.secretAt("gateway", "remote", "token")}, d.variableSecrets(TokenVar)...)...),
		Password:  first(append([]Secret{d.secretAt("gateway", "remote", "password")}, d.variableSecrets(PasswordVar)...)...),
	}
	if port, ok := field(d.tree, "gateway", "remote", "remotePort").(float64); ok {
		r.Port = int(port)
	}
	written := strings.TrimPrefix(strings.ToLower(d.text("gateway", "remote", "tlsFingerprint")), "sha256:")
	if written != "" && !fingerprint.MatchString(written) {
		d.wrong(remotePinKey, "it is not the SHA-256 fingerprint of a certificate")
	} else {
		r.Fingerprint = strings.ReplaceAll(written, ":", "")
	}
	return r
}

// PasswordVar is the environment variable from which a Gateway reads its password.
const PasswordVar = "OPENCLAW_GATEWAY_PASSWORD"

// variableSecrets returns the secrets in the variable name, one for each place that sets
// it.
func (d *document) variableSecrets(name string) []Secret {
	var secrets []Secret
	for _, found := range d.vars.all(name) {
		secrets = append(secrets, Secret{Source: found.source}.known(found.value))
	}
	return secrets
}

// signIn returns how clients sign in. openclaw.json has priority over the variables, and
// the variables over gateway.remote. A Gateway uses the secrets of gateway.remote as its
// own when it has no other (measured, 2026.9.6).
func (d *document) signIn() SignIn {
	token, password := d.secretAt("gateway", "auth", "token"), d.secretAt("gateway", "auth", "password")
	mode := Given[string]{Value: d.text("gateway", "auth", "mode"), Source: d.source("gateway.auth.mode")}
	if complete := map[string]bool{SignInToken: token.State != SecretAbsent, SignInPassword: password.State != SecretAbsent, SignInNone: true}; complete[mode.Value] {
		defer d.vars.withoutLogin()()
	}
	s := SignIn{
		Token:    first(append([]Secret{token}, d.variableSecrets(TokenVar)...)...),
		Password: first(append([]Secret{password}, d.variableSecrets(PasswordVar)...)...),
	}
	if mode.Value != "" && !slices.Contains([]string{SignInToken, SignInPassword, SignInNone, SignInTrustedProxy}, mode.Value) {
		d.wrong("gateway.auth.mode", "it is none of token, password, none and trusted-proxy")
		mode.Value = ""
	}
	s.ambiguous = mode.Value == "" && token.State != SecretAbsent && password.State != SecretAbsent
	switch {
	case mode.Value != "":
		s.Mode = mode
	case s.Password.State != SecretAbsent:
		s.Mode = Given[string]{Value: SignInPassword, Source: s.Password.Source}
	default:
		s.Mode = Given[string]{Value: SignInToken, Source: SourceDefault}
	}
	switch s.Mode.Value {
	case SignInToken:
		s.Token = d.standIn(first(s.Token, d.secretAt("gateway", "remote", "token")))
	case SignInPassword:
		s.Password = first(s.Password, d.secretAt("gateway", "remote", "password"))
	case SignInTrustedProxy:
		s.Token = first(token, d.beyondProcess(TokenVar))
	}
	return s
}

// standIn returns the token of clawtray's settings when only OpenClaw can get the Gateway's
// token. The user then repeats that token in clawtray's settings. It is not given to the
// Gateway, which does not need it.
func (d *document) standIn(s Secret) Secret {
	given, ok := d.vars.given[TokenVar]
	if s.State != SecretOnlyOpenClaw || !ok {
		return s
	}
	return Secret{Source: SourceSettings + ", in place of " + s.Source}.known(given.value)
}

// beyondProcess returns a variable's secret that a Gateway reads itself, from .env or the
// env block, whatever environment it is started with.
func (d *document) beyondProcess(name string) Secret {
	own := *d.vars
	own.given, own.process = nil, nil
	if found, ok := own.get(name); ok {
		return Secret{Source: found.source}.known(found.value)
	}
	return Secret{}
}

func (d *document) reload() Reload {
	r := DefaultReload()
	if mode := d.text("gateway", "reload", "mode"); slices.Contains([]string{"off", "restart", "hot", "hybrid"}, mode) {
		r.Mode = Given[string]{Value: mode, Source: d.source("gateway.reload.mode")}
	}
	if ms, ok := field(d.tree, "gateway", "reload", "debounceMs").(float64); ok && ms == ms {
		ms = min(max(ms, 0), float64(maxDebounce.Milliseconds()))
		r.Debounce = Given[time.Duration]{Value: time.Duration(ms) * time.Millisecond, Source: d.source("gateway.reload.debounceMs")}
	}
	return r
}
