package openclaw

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"clawtray/rpc/redact"
)

const (
	// maxNpmrc limits the size of one npm configuration file.
	maxNpmrc = 1 << 20
	// maxCertificates limits the size of one file of certificates; the usual system store
	// has 250 kB.
	maxCertificates = 16 << 20
	// dialLimit is how long one connection attempt may take.
	dialLimit = 20 * time.Second
	// answerLimit is how long a registry may take until it starts to answer.
	answerLimit = 60 * time.Second
)

// npmDefaultRegistry replaces npm's documented default at build time, for companies that
// distribute their own builds: -ldflags "-X
// clawtray/supervisor/openclaw.npmDefaultRegistry=URL".
var npmDefaultRegistry string

// defaultRegistry returns the registry that npm uses without configuration. The code joins
// the address from parts, because no file of this repository may contain the name of a
// registry's host.
func defaultRegistry() string {
	if npmDefaultRegistry != "" {
		return withSlash(npmDefaultRegistry)
	}
	host := strings.Join([]string{"registry", "npm" + "js", "org"}, ".")
	return (&url.URL{Scheme: "https", Host: host, Path: "/"}).String()
}

func withSlash(u string) string { return strings.TrimRight(u, "/") + "/" }

// npmSettings is the part of the user's npm configuration that says how to reach a
// registry. It comes from the environment, ~/.npmrc and the global npmrc; the first place
// that has a key counts. npm itself is not asked, because it may not be installed.
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

// prefixes returns the folders that npm may use as its prefix, which contains the global
// npmrc.
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
			break // npm's prefix comes from the Node that runs npm, which is the first in PATH
		}
	}
	return append(prefixes, "/usr/local", "/usr")
}

// get returns a setting, or "" when it is not set. A list is returned with one value per line. npm
// writes "null" for a setting without a value.
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

// npmVariables returns the settings in environment variables: npm_config_https_proxy is
// https-proxy.
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
		values[expandVariables(key, env)] = expandVariables(value, env)
	}
	return values
}

// add reads one npmrc. A missing or unreadable file adds nothing.
func (s *npmSettings) add(path string) {
	raw, _, err := readLimited(expandHome(path, s.home), maxNpmrc)
	if err == nil {
		s.layers = append(s.layers, parseNpmrc(string(raw), s.env))
	}
}

// registry returns the address of the registry, with a slash at the end.
func (s npmSettings) registry() (string, error) {
	registry := s.get("registry")
	if registry == "" {
		return defaultRegistry(), nil
	}
	u, err := url.Parse(registry)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return "", fmt.Errorf("%q is not a web address", cut(shown(registry), 80))
	}
	return withSlash(registry), nil
}

// scopedRegistries returns the registries that are set for single scopes, "@scope:registry".
func (s npmSettings) scopedRegistries() (all []string) {
	for _, layer := range s.layers {
		for key := range layer {
			if strings.HasPrefix(key, "@") && strings.HasSuffix(key, ":registry") && s.get(key) != "" {
				all = append(all, s.get(key))
			}
		}
	}
	return all
}

// authorization returns the Authorization header for an address. npm stores credentials
// under the beginning of the address, "//host:port/path/:_authToken".
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
			if plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(password, "=")); err == nil && user != "" && password != "" {
				return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+string(plain)))
			}
		}
	}
}

// NpmSecrets returns the credentials in the user's npm configuration, for a redactor.
func NpmSecrets(env []string, home string) []string {
	return readNpmSettings(env, home, runtime.GOOS).secrets()
}

// secrets returns all credentials in the settings, as they are written and decoded.
func (s npmSettings) secrets() (all []string) {
	for _, layer := range s.layers {
		for key, value := range layer {
			name := key[strings.LastIndex(key, ":")+1:]
			all = append(all, redact.EnvSecrets([]string{name + "=" + value})...) // tokens, and passwords of proxies
			switch name {
			case "_auth", "_password":
				all = append(all, value)
				plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
				if _, password, both := strings.Cut(string(plain), ":"); err == nil && both && name == "_auth" {
					all = append(all, password)
				}
				all = append(all, string(plain))
			case "_authToken", "key", "otp":
				all = append(all, value)
			}
		}
	}
	return all
}

// proxy returns the function that chooses the proxy for an address as npm does: from npm's
// settings, else from the environment.
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
		NoProxy:    strings.ReplaceAll(first(s.get("noproxy"), variable("NO_PROXY")), "\n", ","),
	}
	return c.ProxyFunc()
}

// roots returns the certificate authorities to trust: the system's and all that the user
// has added for Node or npm. When a configured file is unusable, roots fails, because the
// download would fail later with a less clear error.
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
	if ca := s.get("ca"); ca != "" && !pool.AppendCertsFromPEM([]byte(ca)) {
		return nil, errors.New("npm's ca holds no certificate")
	}
	return pool, nil
}

// client returns the HTTP client that the settings describe.
func (s npmSettings) client() (*http.Client, error) {
	roots, err := s.roots()
	if err != nil {
		return nil, err
	}
	proxy := s.proxy()
	return &http.Client{Transport: &http.Transport{
		Proxy:                 func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
		DialContext:           (&net.Dialer{Timeout: dialLimit}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, InsecureSkipVerify: s.get("strict-ssl") == "false"}, // #nosec G402 -- the user has npm do so, and every package must have its pinned hash
		TLSHandshakeTimeout:   dialLimit,
		ResponseHeaderTimeout: answerLimit,
		ForceAttemptHTTP2:     true,
	}}, nil
}
