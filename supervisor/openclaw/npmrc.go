package openclaw

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

const (
	// maxNpmrc bounds what is read of one npm configuration file.
	maxNpmrc = 1 << 20
	// maxCertificates bounds one file of certificates; the usual system store has 250 kB.
	maxCertificates = 16 << 20
	// dialLimit is how long a connection may take before the next address or the failure.
	dialLimit = 20 * time.Second
	// answerLimit is how long a registry may think before it starts to answer.
	answerLimit = 60 * time.Second
)

// npmDefaultRegistry replaces npm's documented default at build time, for companies that hand out
// their own builds: -ldflags "-X clawtray/supervisor/openclaw.npmDefaultRegistry=URL".
var npmDefaultRegistry string

// defaultRegistry is the registry npm itself uses when nothing is configured. It is put together
// here, because no file of this repository names a registry's host.
func defaultRegistry() string {
	if npmDefaultRegistry != "" {
		return withSlash(npmDefaultRegistry)
	}
	host := strings.Join([]string{"registry", "npm" + "js", "org"}, ".")
	return (&url.URL{Scheme: "https", Host: host, Path: "/"}).String()
}

func withSlash(u string) string { return strings.TrimRight(u, "/") + "/" }

// npmSettings is the user's npm configuration, as far as it says how to reach a registry: the
// environment, ~/.npmrc and the global npmrc, the first that has a key wins. It is read without
// asking npm, which may not be there.
type npmSettings struct {
	layers []map[string]string
	env    []string
	home   string
}

func readNpmSettings(env []string, home, goos string) npmSettings {
	s := npmSettings{env: env, home: home, layers: []map[string]string{npmVariables(env)}}
	user := s.get("userconfig")
	if user == "" {
		user = filepath.Join(home, ".npmrc")
	}
	s.add(user)
	if global := s.get("globalconfig"); global != "" {
		s.add(global)
		return s
	}
	for _, prefix := range s.prefixes(goos) {
		s.add(filepath.Join(prefix, "etc", "npmrc"))
	}
	if goos != "windows" {
		s.add("/etc/npmrc") // Debian's npm
	}
	return s
}

// prefixes are the folders npm may have as its prefix, which is where the global npmrc is.
func (s npmSettings) prefixes(goos string) []string {
	if p := s.get("prefix"); p != "" {
		return []string{p}
	}
	var prefixes []string
	if p := getenv(s.env, "PREFIX"); p != "" {
		prefixes = append(prefixes, p)
	}
	if goos == "windows" {
		return append(prefixes, filepath.Join(getenv(s.env, "APPDATA"), "npm"))
	}
	for _, dir := range filepath.SplitList(getenv(s.env, "PATH")) {
		if node, err := filepath.EvalSymlinks(filepath.Join(dir, "node")); err == nil {
			prefixes = append(prefixes, filepath.Dir(filepath.Dir(node)))
			break // npm's prefix comes from the Node that runs it, the first in PATH
		}
	}
	return append(prefixes, "/usr/local", "/usr")
}

// get returns a setting, empty when nothing sets it. npm writes "null" for unset.
func (s npmSettings) get(key string) string {
	for _, layer := range s.layers {
		if v, ok := layer[key]; ok {
			if v == "null" || v == "undefined" {
				return ""
			}
			return v
		}
	}
	return ""
}

// npmVariables are the settings npm takes from variables: npm_config_https_proxy is https-proxy.
func npmVariables(env []string) map[string]string {
	values := map[string]string{}
	const prefix = "npm_config_"
	for _, entry := range env {
		key, value, _ := strings.Cut(entry, "=")
		if len(key) <= len(prefix) || !strings.EqualFold(key[:len(prefix)], prefix) || value == "" {
			continue
		}
		if key = key[len(prefix):]; !strings.HasPrefix(key, "//") {
			key = key[:1] + strings.ReplaceAll(strings.ToLower(key[1:]), "_", "-")
			key = strings.ToLower(key)
		}
		values[key] = value
	}
	return values
}

// add reads one npmrc; a file that is not there or not readable says nothing.
func (s *npmSettings) add(path string) {
	raw, _, err := readLimited(expandHome(path, s.home), maxNpmrc)
	if err == nil {
		s.layers = append(s.layers, parseNpmrc(string(raw), s.env))
	}
}

// parseNpmrc reads npm's dialect of ini: "key = value", ";" and "#" comments, "key[] = value"
// collected line by line, ${NAME} from the environment. Keys may hold colons and slashes, which
// is why no general ini library fits.
func parseNpmrc(text string, env []string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == ';' || line[0] == '#' || line[0] == '[' {
			continue
		}
		key, value, hasValue := strings.Cut(line, "=")
		if !hasValue {
			value = "true"
		}
		key = expandVariables(strings.TrimSpace(key), env)
		value = expandVariables(unquote(strings.TrimSpace(value)), env)
		if list, ok := strings.CutSuffix(key, "[]"); ok {
			values[list] += value + "\n"
		} else {
			values[key] = value
		}
	}
	return values
}

// unquote removes npm's quotes; within double quotes \n is a line break, as certificates have.
func unquote(v string) string {
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		inner := v[1 : len(v)-1]
		if v[0] == '"' {
			inner = strings.ReplaceAll(inner, `\n`, "\n")
		}
		return inner
	}
	return v
}

var npmVariable = regexp.MustCompile(`\$\{([^}?]+)(\?)?\}`)

// expandVariables replaces ${NAME}; one that is unset stays as it is, as in npm, and ${NAME?} is empty.
func expandVariables(v string, env []string) string {
	return npmVariable.ReplaceAllStringFunc(v, func(match string) string {
		parts := npmVariable.FindStringSubmatch(match)
		if value, ok := lookup(env, parts[1]); ok {
			return value
		}
		if parts[2] != "" {
			return ""
		}
		return match
	})
}

// registry is the address packages come from, with a slash at its end.
func (s npmSettings) registry() (string, error) {
	registry := s.get("registry")
	if registry == "" {
		return defaultRegistry(), nil
	}
	u, err := url.Parse(registry)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return "", fmt.Errorf("%q is not a web address", cut(registry, 80))
	}
	return withSlash(registry), nil
}

// authorization is the Authorization header for an address: npm stores credentials by the start
// of the address, "//host:port/path/:_authToken".
func (s npmSettings) authorization(u *url.URL) string {
	for base := "//" + u.Host + u.EscapedPath(); ; {
		if i := strings.LastIndex(base, "/"); i > 1 {
			base = base[:i]
		} else {
			return ""
		}
		for _, at := range []string{base + "/:", base + ":"} {
			if token := s.get(at + "_authToken"); token != "" {
				return "Bearer " + token
			}
			if basic := s.get(at + "_auth"); basic != "" {
				return "Basic " + basic
			}
			user, password := s.get(at+"username"), s.get(at+"_password")
			if plain, err := base64.StdEncoding.DecodeString(password); err == nil && user != "" && password != "" {
				return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+string(plain)))
			}
		}
	}
}

// proxy chooses the proxy for an address as npm does: its own settings, else the environment's.
func (s npmSettings) proxy() func(*url.URL) (*url.URL, error) {
	first := func(values ...string) string {
		for _, v := range values {
			if v != "" && v != "false" {
				return v
			}
		}
		return ""
	}
	variable := func(name string) string {
		return first(getenv(s.env, name), getenv(s.env, strings.ToLower(name)))
	}
	c := httpproxy.Config{
		HTTPProxy:  first(s.get("proxy"), variable("HTTP_PROXY"), variable("ALL_PROXY")),
		HTTPSProxy: first(s.get("https-proxy"), s.get("proxy"), variable("HTTPS_PROXY"), variable("HTTP_PROXY"), variable("ALL_PROXY")),
		NoProxy:    first(s.get("noproxy"), variable("NO_PROXY")),
	}
	return c.ProxyFunc()
}

// roots are the certificate authorities to trust: the system's and every one the user has added
// for Node or npm. A file that is named and not usable is an error, because the download would
// fail with a worse one.
func (s npmSettings) roots() (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for _, from := range [][2]string{
		{"SSL_CERT_FILE", getenv(s.env, "SSL_CERT_FILE")},
		{"NODE_EXTRA_CA_CERTS", getenv(s.env, "NODE_EXTRA_CA_CERTS")},
		{"npm's cafile", s.get("cafile")},
	} {
		if from[1] == "" {
			continue
		}
		pem, _, err := readLimited(expandHome(from[1], s.home), maxCertificates)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", from[0], plain(err))
		}
		if !pool.AppendCertsFromPEM(pem) && len(pem) > 0 {
			return nil, fmt.Errorf("%s: %s holds no certificate", from[0], from[1])
		}
	}
	if ca := s.get("ca"); ca != "" {
		pool.AppendCertsFromPEM([]byte(ca))
	}
	return pool, nil
}

// client builds the HTTP client the settings ask for.
func (s npmSettings) client() (*http.Client, error) {
	roots, err := s.roots()
	if err != nil {
		return nil, err
	}
	proxy := s.proxy()
	return &http.Client{Transport: &http.Transport{
		Proxy:                 func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
		DialContext:           (&net.Dialer{Timeout: dialLimit}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, InsecureSkipVerify: s.get("strict-ssl") == "false"},
		TLSHandshakeTimeout:   dialLimit,
		ResponseHeaderTimeout: answerLimit,
		ForceAttemptHTTP2:     true,
	}}, nil
}
