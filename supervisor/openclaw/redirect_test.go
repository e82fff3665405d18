package openclaw

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// webServer is a web server that records the path and the Authorization header of each request.
type webServer struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func (o *webServer) requests() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

// newWebServer starts a server with one package "p" of version 1. All secure servers share
// one certificate authority. redirects maps paths to the addresses to which the server
// redirects.
func newWebServer(t *testing.T, secure bool, redirects map[string]string, tarballs string) *webServer {
	t.Helper()
	o := &webServer{}
	content := []byte("a tarball")
	sum := sha512.Sum512(content)
	o.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.asked = append(o.asked, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Authorization")))
		o.mu.Unlock()
		if to := redirects[r.URL.Path]; to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		switch r.URL.Path {
		case "/p/1", "/moved", "/npm/p/1":
			at := tarballs
			if at == "" {
				at = o.URL
			}
			fmt.Fprintf(w, `{"name":"p","version":"1.0.0","dist":{"tarball":"%s/p.tgz","integrity":"sha512-%s"}}`, at, base64.StdEncoding.EncodeToString(sum[:]))
		case "/p.tgz":
			http.ServeContent(w, r, "", noTime, bytes.NewReader(content))
		default:
			http.NotFound(w, r)
		}
	}))
	if secure {
		o.StartTLS()
	} else {
		o.Start()
	}
	t.Cleanup(o.Close)
	return o
}

// client returns a registry client with a token for this server.
func (o *webServer) client(t *testing.T) registry {
	t.Helper()
	host := o.URL[strings.Index(o.URL, "//"):]
	s := readNpmSettings([]string{"npm_config_" + host + "/:_authToken=canary", "npm_config_globalconfig=/nonexistent"}, t.TempDir(), "linux")
	client := o.Server.Client()
	client.CheckRedirect = nil
	return registry{base: o.URL + "/", settings: s, http: client}
}

// XS7: only the registry that the user has configured may describe a package, because the
// description contains the hashes.
func TestXS7_DescriptionIsNotFollowedElsewhere(t *testing.T) {
	plain, other := newWebServer(t, false, nil, ""), newWebServer(t, true, nil, "")
	for name, to := range map[string]*webServer{"without encryption": plain, "another port of the host": other} {
		reg := newWebServer(t, true, map[string]string{"/p/1": to.URL + "/p/1"}, "")
		m, err := reg.client(t).describe(t.Context(), "p", "1")
		if kindOf(err) != BadRegistry || !strings.Contains(err.Error(), "sends us on to "+to.URL) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
		if got := to.requests(); len(got) != 0 {
			t.Errorf("%s: asked for %q", name, got)
		}
	}
	// Redirects within the same server are followed.
	reg := newWebServer(t, true, map[string]string{"/p/1": "/moved"}, "")
	if m, err := reg.client(t).describe(t.Context(), "p", "1"); err != nil || m.Version != "1.0.0" {
		t.Errorf("%+v, %v", m, err)
	}
	if got := reg.requests(); len(got) != 2 || got[1] != "/moved Bearer canary" {
		t.Errorf("asked for %q", got)
	}
}

// XS7: a tarball may be on another server, as with registries that use a content network,
// because its hash is known by then. Credentials are not sent there.
func TestXS7_TarballElsewhereWithoutCredentials(t *testing.T) {
	store := newWebServer(t, true, nil, "")
	reg := newWebServer(t, true, map[string]string{"/p.tgz": store.URL + "/p.tgz"}, "")
	r := reg.client(t)
	m, err := r.describe(t.Context(), "p", "1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.fetch(t.Context(), m, t.TempDir(), func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	if got := store.requests(); len(got) != 1 || got[0] != "/p.tgz" {
		t.Errorf("the store was asked for %q", got)
	}
}

// XS7: a request that is redirected back from another server does not get its credentials
// back.
func TestXS7_CredentialsStayDropped(t *testing.T) {
	var reg *webServer
	back := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, reg.URL+"/moved.tgz", http.StatusFound)
	}))
	back.StartTLS()
	t.Cleanup(back.Close)
	reg = newWebServer(t, true, map[string]string{"/p.tgz": back.URL + "/", "/moved.tgz": "/gone"}, "")
	r := reg.client(t)
	m, err := r.describe(t.Context(), "p", "1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.fetch(t.Context(), m, t.TempDir(), func(int64, int64) {})
	if kindOf(err) != NotFound {
		t.Errorf("error %v", err)
	}
	for _, asked := range reg.requests()[2:] {
		if strings.Contains(asked, "canary") {
			t.Errorf("after a detour asked with credentials: %q", asked)
		}
	}
}

// XS7: a request that starts with https never continues with http, neither through a
// redirect nor through an announced address.
func TestXS7_NeverFromEncryptedToClear(t *testing.T) {
	plain := newWebServer(t, false, nil, "")
	for name, reg := range map[string]*webServer{
		"redirected": newWebServer(t, true, map[string]string{"/p.tgz": plain.URL + "/p.tgz"}, ""),
		"announced":  newWebServer(t, true, nil, plain.URL),
	} {
		r := reg.client(t)
		m, err := r.describe(t.Context(), "p", "1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.fetch(t.Context(), m, t.TempDir(), func(int64, int64) {})
		if kindOf(err) != BadRegistry || !strings.Contains(err.Error(), "without encryption") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if got := plain.requests(); len(got) != 0 {
		t.Errorf("asked for %q", got)
	}
	// A registry behind a proxy that encrypts announces its address with http.
	behind := newWebServer(t, true, nil, "")
	r := behind.client(t)
	m, err := r.describe(t.Context(), "p", "1")
	if err != nil {
		t.Fatal(err)
	}
	m.Dist.Tarball = "http" + strings.TrimPrefix(m.Dist.Tarball, "https")
	if _, err := r.fetch(t.Context(), m, t.TempDir(), func(int64, int64) {}); err != nil {
		t.Errorf("the same server, named without encryption: %v", err)
	}
}

// K3: a registry's address may contain a password, which no message repeats.
func TestK3_PasswordInTheRegistryAddress(t *testing.T) {
	reg := newWebServer(t, true, nil, "")
	r := reg.client(t)
	r.base = strings.Replace(r.base, "//", "//user:canary@", 1)
	for _, name := range []string{"q", "p"} {
		_, err := r.describe(t.Context(), name, "2")
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err = r.newest(t.Context(), name, func(string) bool { return false }); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for path, body := range map[string]string{"/p": "no JSON", "/q": `{"versions":{}}`} {
		fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, body) }))
		t.Cleanup(fake.Close)
		r := registry{base: strings.Replace(fake.URL, "//", "//user:canary@", 1) + "/", http: fake.Client()}
		_, err := r.newest(t.Context(), path[1:], func(string) bool { return true })
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// N3: a registry below a path may have its tarballs outside of that path. As with npm, its
// credentials are sent there, too, but to no other server.
func TestN3_TarballBesideTheRegistry(t *testing.T) {
	reg := newWebServer(t, true, nil, "")
	host := reg.URL[strings.Index(reg.URL, "//"):]
	r := reg.client(t)
	r.base = reg.URL + "/npm/"
	r.settings = readNpmSettings([]string{"npm_config_" + host + "/npm/:_authToken=canary", "npm_config_globalconfig=/nonexistent"}, t.TempDir(), "linux")
	m, err := r.describe(t.Context(), "p", "1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.fetch(t.Context(), m, t.TempDir(), func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	if got := reg.requests(); len(got) != 2 || got[1] != "/p.tgz Bearer canary" {
		t.Errorf("asked for %q", got)
	}
}

// XS8: an answer that is not a valid version is rejected.
func TestXS8_VersionsThatAreNone(t *testing.T) {
	for _, version := range []string{"file:/evil", "npm:evil@1.0.0", "../1.0.0", "1.0.0 --prefix=/", "1.0", "v1.0.0", `1.0.0\u001b]0;x`, "1.0.0-" + strings.Repeat("9", 60)} {
		s := newSite(t)
		s.o.OpenClawVersion = Newest
		s.reg.answer("/openclaw/latest", 200, `{"name":"openclaw","version":"`+version+`","dist":{"tarball":"x"}}`)
		_, err := s.install(t.Context())
		s.kind(err, BadRegistry, "described another package")
	}
}
