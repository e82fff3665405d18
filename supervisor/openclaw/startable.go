package openclaw

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Startable returns a *ConfigError when no Gateway should be started here with this
// configuration, because it would refuse to start or because nobody could sign in. Callers
// check this before they end a running Gateway. Values that only OpenClaw can check are
// accepted.
func (e Effective) Startable() error {
	switch {
	case e.IsRemote():
		return e.problem(ConfigRemote, "gateway.mode", "it is remote: the gateway runs elsewhere, at "+orNowhere(e.Remote.URL))
	case e.File.Exists && e.Mode.Value == "":
		return e.problem(ConfigModeMissing, "gateway.mode", "it is missing, so that the file may have lost its contents")
	}
	for _, problem := range e.Problems {
		if problem.Kind == ConfigUnresolved {
			return problem
		}
	}
	return e.SignInProblem()
}

// orNowhere returns an address for people, without a password in it.
func orNowhere(address string) string {
	if address == "" {
		return "an address that is not set"
	}
	u, err := url.Parse(address)
	if err != nil {
		return "an address that makes no sense"
	}
	return u.Redacted()
}

func (e Effective) problem(kind ConfigErrorKind, key, text string) *ConfigError {
	return &ConfigError{Kind: kind, Path: e.Paths.ConfigPath, Key: key, Changed: e.File.Changed, Err: errors.New(text)}
}

// SignInProblem returns a *ConfigError when the way to sign in contradicts itself, or its
// secret does not exist. A secret that only OpenClaw can read is not a problem.
func (e Effective) SignInProblem() error {
	s := e.SignIn
	secret := s.Secret()
	switch {
	case s.ambiguous:
		return e.problem(ConfigConflict, "gateway.auth.mode", "gateway.auth.token and gateway.auth.password are both set, and this does not say which counts")
	case s.Mode.Value == SignInTrustedProxy && s.Token.State != SecretAbsent:
		return e.problem(ConfigConflict, "gateway.auth.mode", fmt.Sprintf("it is trusted-proxy, which excludes the token from %s", s.Token.Source))
	case secret.err != nil:
		return secret.err
	case secret.State == SecretAbsent && s.Mode.Value == SignInToken:
		return e.problem(ConfigNoSecret, "gateway.auth.token", "there is none, here or in "+TokenVar)
	case secret.State == SecretAbsent && s.Mode.Value == SignInPassword:
		return e.problem(ConfigNoSecret, "gateway.auth.password", "there is none, here or in "+PasswordVar)
	}
	return nil
}

// Child has the arguments and variables with which a started Gateway becomes the one that
// an [Effective] describes. Its text form contains no values (BEHAVIOUR K3).
type Child struct {
	Args  []string // after "gateway"
	Set   []string // "NAME=value" entries to set in its environment
	Unset []string // names to remove from its environment
}

func (c Child) String() string {
	names := make([]string, len(c.Set))
	for i, entry := range c.Set {
		names[i], _, _ = strings.Cut(entry, "=")
	}
	return strings.Join(c.Args, " ") + ", with " + strings.Join(names, ", ")
}

// environ returns env changed by Set and Unset.
func (c Child) environ(env []string) []string {
	env = without(env, func(key string) bool {
		return slices.ContainsFunc(c.Unset, func(name string) bool { return sameVar(key, name) })
	})
	for _, entry := range c.Set {
		name, value, _ := strings.Cut(entry, "=")
		env = with(env, name, value)
	}
	return env
}
func (c Child) GoString() string             { return c.String() }
func (c Child) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Child returns how to start this Gateway. The port is always passed, so that we know it
// even after somebody edits openclaw.json. Bind address, TLS and sign-in are not passed,
// because the Gateway reads them itself. --allow-unconfigured disables OpenClaw's
// protection against a file that has lost its contents, so it is only passed when there is
// no file (XU2).
func (e Effective) Child() Child {
	c := Child{Args: []string{"--port", strconv.Itoa(e.Listen.Port.Value)}, Unset: []string{"OPENCLAW_GATEWAY_PORT"}}
	if !e.File.Exists {
		c.Args = append(c.Args, "--allow-unconfigured")
	}
	if e.Paths.Profile != "" {
		// `openclaw --profile` sets the same variables for itself. This works in all
		// versions.
		c.Set = append(c.Set, "OPENCLAW_PROFILE="+e.Paths.Profile, "OPENCLAW_STATE_DIR="+e.Paths.StateDir, "OPENCLAW_CONFIG_PATH="+e.Paths.ConfigPath)
	} else {
		c.Unset = append(c.Unset, "OPENCLAW_PROFILE")
	}
	token := e.childToken()
	if token == "" {
		c.Unset = append(c.Unset, TokenVar)
	} else {
		c.Set = append(c.Set, TokenVar+"="+token)
	}
	for _, v := range e.Needs {
		if v.Name != TokenVar && v.Name != nodeOptions && hijacks(v.Name) {
			c.Set = append(c.Set, v.Name+"="+v.value)
		}
	}
	return c
}

// childToken returns the value for OPENCLAW_GATEWAY_TOKEN: the token when it does not come
// from OpenClaw's own files, or the value to which openclaw.json refers. With trusted-proxy
// it is empty, because any token makes the Gateway refuse to start (XU6).
func (e Effective) childToken() string {
	if e.SignIn.Mode.Value == SignInTrustedProxy {
		return ""
	}
	for _, v := range e.Needs {
		if v.Name == TokenVar {
			return v.value
		}
	}
	source := e.SignIn.Token.Source
	if e.SignIn.Mode.Value == SignInToken && (source == SourceCommandLine || source == SourceSettings || source == environmentSource(TokenVar) || fromLoginShell(source)) {
		return e.SignIn.Token.value
	}
	return ""
}

// Row is one value with its source, for people (BEHAVIOUR O8).
type Row struct {
	Name   string
	Value  string
	Source Source
	Over   []Other
}

// Rows lists every value with its source and the values that it overrides. It contains no
// secrets.
func (e Effective) Rows() []Row {
	rows := []Row{
		{Name: "state folder", Value: e.Paths.StateDir, Source: e.Paths.StateSource},
		{Name: "configuration", Value: e.Paths.ConfigPath, Source: e.Paths.ConfigSource},
		row("mode", e.Mode),
	}
	if e.IsRemote() {
		return append(rows, Row{Name: "remote gateway", Value: orNowhere(e.Remote.URL), Source: e.Mode.Source})
	}
	rows = append(rows, row("port", e.Listen.Port), row("bind", e.Listen.Bind), e.tlsRow(), row("dashboard path", e.UI.BasePath), row("sign-in", e.SignIn.Mode))
	if secret := e.SignIn.Secret(); secret.State != SecretAbsent {
		r := Row{Name: e.SignIn.Mode.Value, Value: secret.String(), Source: secret.Source}
		for _, source := range secret.Over {
			r.Over = append(r.Over, Other{"another one", source})
		}
		rows = append(rows, r)
	}
	return append(rows, row("reload", e.Reload.Mode), Row{Name: "reload after", Value: e.Reload.Debounce.Value.Round(time.Millisecond).String(), Source: e.Reload.Debounce.Source})
}

func row[T any](name string, g Given[T]) Row {
	r := Row{Name: name, Value: fmt.Sprint(g.Value), Source: g.Source, Over: g.Over}
	if r.Value == "" {
		r.Value = "not set"
	}
	return r
}

func (e Effective) tlsRow() Row {
	switch {
	case !e.TLS.Enabled:
		return Row{Name: "TLS", Value: "off", Source: SourceDefault}
	case e.TLS.Fingerprint == "":
		return Row{Name: "TLS", Value: "on; the certificate is not there yet: " + e.TLS.CertPath, Source: "openclaw.json: gateway.tls"}
	}
	return Row{Name: "TLS", Value: "on, with " + e.TLS.CertPath, Source: "openclaw.json: gateway.tls"}
}
