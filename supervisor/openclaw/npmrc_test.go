package openclaw

import (
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func TestN3_NpmSettings(t *testing.T) {
	m := newMachine(t)
	m.file(home+"/.npmrc", "; comment\nregistry = \"http://user.example/npm\"\n"+
		"//user.example/npm/:_authToken=${TOKEN}\n//user.example/:_auth = dTpw\n//basic.example/:username=u\n//basic.example/:_password=cA==\n"+
		"ca[]=\"one\\ntwo\"\nca[]=three\nhttps-proxy=null\nempty=${NONE?}\nkept=${NONE}\nflag\n[section]\n", 0o600)
	m.file("/usr/local/bin/node", "", 0o755)
	m.file("/usr/local/etc/npmrc", "registry=http://global.example\nproxy=http://webproxy.example:8080\n", 0o644)
	m.path("/usr/local/bin")
	env := append(m.env, "TOKEN=secret", "NPM_CONFIG_Strict_SSL=false", "npm_config_//env.example/:_authToken=envtoken")
	s := readNpmSettings(env, m.at(home), "linux")

	for key, want := range map[string]string{
		"proxy": "http://webproxy.example:8080", "strict-ssl": "false", "https-proxy": "", "ca": "one\ntwo\nthree",
		"empty": "", "kept": "${NONE}", "flag": "true", "missing": "",
	} {
		if got := s.get(key); got != want {
			t.Errorf("get(%q) = %q, want %q", key, got, want)
		}
	}
	if got, err := s.registry(); got != "http://user.example/npm/" || err != nil {
		t.Errorf("registry %q, %v: the user's file comes before the global one", got, err)
	}
	for address, want := range map[string]string{
		"http://user.example/npm/x/-/x.tgz": "Bearer secret",
		"https://user.example/npm/x":        "Bearer secret",
		"http://user.example/other":         "Basic dTpw",
		"http://user.example/npmevil/x":     "Basic dTpw",
		"http://basic.example/x":            "Basic dTpw",
		"http://env.example/x":              "Bearer envtoken",
		"http://user.example:8080/npm/x":    "",
		"http://evil.example/npm/x":         "",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.authorization(u); got != want {
			t.Errorf("authorization(%s) = %q, want %q", address, got, want)
		}
	}
	// The environment has priority over the files.
	s = readNpmSettings(append(env, "NPM_CONFIG_REGISTRY=http://env.example/"), m.at(home), "linux")
	if got, err := s.registry(); got != "http://env.example/" || err != nil {
		t.Errorf("registry %q, %v", got, err)
	}
	for _, bad := range []string{"ftp://x", "nonsense", "http://", "://"} {
		s = readNpmSettings(append(env, "npm_config_registry="+bad), m.at(home), "linux")
		if got, err := s.registry(); err == nil {
			t.Errorf("registry setting %q gave %q", bad, got)
		}
	}
}

func TestN3_NpmSettingsFromOtherFiles(t *testing.T) {
	m := newMachine(t)
	m.file("/a/user", "registry=http://a.example\n", 0o600)
	m.file("/a/global", "proxy=http://p.example\n", 0o600)
	m.file("/p/etc/npmrc", "noproxy=x.example\n", 0o600)
	s := readNpmSettings([]string{"npm_config_userconfig=" + m.at("/a/user"), "npm_config_globalconfig=" + m.at("/a/global")}, m.at(home), "linux")
	if s.get("registry") != "http://a.example" || s.get("proxy") != "http://p.example" {
		t.Errorf("%q", s.layers)
	}
	s = readNpmSettings([]string{"PREFIX=" + m.at("/p")}, m.at(home), "linux")
	if s.get("noproxy") != "x.example" {
		t.Errorf("%q", s.layers)
	}
	s = readNpmSettings([]string{"APPDATA=" + m.at("/none"), "npm_config_prefix=" + m.at("/p")}, m.at(home), "windows")
	if s.get("noproxy") != "x.example" {
		t.Errorf("%q", s.layers)
	}
}

func TestP28_ProxyChoice(t *testing.T) {
	for _, c := range []struct {
		env     []string
		address string
		want    string
	}{
		{nil, "https://npm.example/x", ""},
		{[]string{"HTTPS_PROXY=http://p.example"}, "https://npm.example/x", "http://p.example"},
		{[]string{"https_proxy=http://p.example"}, "https://npm.example/x", "http://p.example"},
		{[]string{"HTTPS_PROXY=http://p.example", "no_proxy=.example"}, "https://npm.example/x", ""},
		{[]string{"HTTPS_PROXY=http://p.example", "npm_config_https_proxy=http://npm-proxy.example"}, "https://npm.example/x", "http://npm-proxy.example"},
		{[]string{"npm_config_proxy=http://npm-proxy.example", "npm_config_noproxy=npm.example"}, "https://npm.example/x", ""},
		{[]string{"HTTPS_PROXY=http://p.example"}, "http://127.0.0.1:4873/x", ""},
		{[]string{"npm_config_proxy=false", "HTTP_PROXY=http://p.example"}, "http://npm.example/x", "http://p.example"},
	} {
		u, err := url.Parse(c.address)
		if err != nil {
			t.Fatal(err)
		}
		s := readNpmSettings(append(c.env, "npm_config_globalconfig=/nonexistent"), t.TempDir(), "linux")
		got, err := s.proxy()(u)
		if err != nil || (got == nil) != (c.want == "") || got != nil && got.String() != c.want {
			t.Errorf("%q for %s: %v, %v; want %q", c.env, c.address, got, err, c.want)
		}
	}
}

// N3: without configuration, npm's own default is used, which the program joins from parts.
func TestN3_DefaultRegistry(t *testing.T) {
	s := readNpmSettings([]string{"npm_config_globalconfig=/nonexistent"}, t.TempDir(), "linux")
	got, err := s.registry()
	u, parseErr := url.Parse(got)
	if err != nil || parseErr != nil || u.Scheme != "https" || u.Host == "" || u.Path != "/" {
		t.Errorf("%q, %v", got, err)
	}
	npmDefaultRegistry = "https://mirror.example/npm"
	defer func() { npmDefaultRegistry = "" }()
	if got, err = s.registry(); got != "https://mirror.example/npm/" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzNpmrc(f *testing.F) {
	f.Add("registry=http://x\n//x/:_authToken=${T}\nca[]=\"a\\nb\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), ".npmrc")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := readNpmSettings([]string{"T=x", "npm_config_globalconfig=/nonexistent"}, filepath.Dir(path), "linux")
		u, _ := url.Parse("http://x/y")
		s.authorization(u)
		_, _ = s.registry()
		_, _ = s.proxy()(u)
	})
}
