package openclaw

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// stubNode acts as Node, npm and OpenClaw in an installation: it prints versions, and "npm
// install" or "npm ci" creates a package with the requested version.
const stubNode = `#!/bin/sh
case $1 in
--version) echo v24.21.0; exit ;;
-p) echo "v24.21.0 $0"; exit ;;
*/openclaw.mjs) . "${1%/*}/version"; echo "OpenClaw $version (stub)"; exit ;;
*/npm-cli.js) ;;
*) exit 9 ;;
esac
. "$1"
while [ $# -gt 0 ]; do
	case $1 in
	--prefix) prefix=$2 ;;
	openclaw@*) version=${1#openclaw@} ;;
	ci) version=$(sed 's/.*"openclaw":"\([^"]*\)".*/\1/' package.json) ;;
	esac
	shift
done
echo "npm http fetch GET 200 a"
echo "npm http fetch GET 200 b"
echo "added 330 packages"
dir=$prefix/node_modules/openclaw
mkdir -p "$dir"
echo "version=$version" >"$dir/version"
echo "// $version" >"$dir/openclaw.mjs"
echo "{\"name\":\"openclaw\",\"version\":\"$version\",\"engines\":{\"node\":\">=24.16.0 <25\"}}" >"$dir/package.json"
`

// entry is one member of a tarball; the zero kind is a file.
type entry struct {
	name, content string
	kind          byte
	link          string
}

// pack returns an npm tarball.
func pack(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Mode: 0o755, Size: int64(len(e.content))}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := archive.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// fakeRegistry is a small npm registry on loopback whose faults a test can switch on.
type fakeRegistry struct {
	*httptest.Server
	mu       sync.Mutex
	tarballs map[string][]byte // by package name
	hashes   map[string]string // the announced integrity, if it is wrong
	engines  string            // engines.node of every openclaw
	latest   string            // version of openclaw
	nodes    []string          // the versions of Node in the registry
	requests []string          // "GET /path Range"

	// fault answers a request instead of the registry; false leaves it to the registry.
	fault func(w http.ResponseWriter, r *http.Request) bool
	host  string // host in the announced addresses of tarballs; its own when empty
}

func nodePackage() string { return pinnedNodes[platform].name }

func newFakeRegistry(t *testing.T) *fakeRegistry {
	reg := &fakeRegistry{latest: "2026.10.1", hashes: map[string]string{}, tarballs: map[string][]byte{
		// A long text that cannot be compressed, so that a test can interrupt the download
		// in it.
		nodePackage(): pack(t, entry{name: "package/bin/node", content: stubNode}, entry{name: "package/package.json", content: "{}"}, entry{name: "package/README.md", content: noise(64 << 10)}),
		"npm":         pack(t, entry{name: "package/bin/npm-cli.js", content: "# sourced by the stub\n"}, entry{name: "package/bin/npx-cli.js"}),
	}}
	reg.Server = httptest.NewServer(reg)
	t.Cleanup(reg.Close)
	return reg
}

// noise returns a text that gzip cannot make smaller.
func noise(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		sum := sha512.Sum512([]byte{byte(i), byte(i >> 8)})
		b.Write(sum[:])
	}
	return b.String()
}

func (reg *fakeRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reg.mu.Lock()
	reg.requests = append(reg.requests, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("Range")))
	fault := reg.fault
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	tarball, known := reg.tarballs[parts[0]]
	reg.mu.Unlock()
	if fault != nil && fault(w, r) {
		return
	}
	switch {
	case !known && parts[0] != "openclaw":
		http.NotFound(w, r)
	case len(parts) == 3 && parts[1] == "-":
		http.ServeContent(w, r, "", noTime, bytes.NewReader(tarball))
	case len(parts) == 2:
		json.NewEncoder(w).Encode(reg.describe(parts[0], parts[1]))
	case len(parts) == 1 && parts[0] == nodePackage():
		p := packument{Versions: map[string]manifest{}}
		for _, version := range reg.nodes {
			p.Versions[version] = reg.describe(parts[0], version)
		}
		json.NewEncoder(w).Encode(p)
	default:
		http.NotFound(w, r)
	}
}

// change changes the registry while an installer in another process uses it. The lock
// orders the change and the requests.
func (reg *fakeRegistry) change(f func()) {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	f()
}

func (reg *fakeRegistry) describe(name, version string) manifest {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	if version == "latest" {
		version = reg.latest
	}
	sum := sha512.Sum512(reg.tarballs[name])
	integrity, ok := reg.hashes[name]
	if !ok {
		integrity = "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	}
	host := reg.host
	if host == "" {
		host = reg.URL + "/"
	}
	m := manifest{Name: name, Version: version, Dist: dist{Integrity: integrity, Tarball: fmt.Sprintf("%s%s/-/%s-%s.tgz", host, name, name, version)}}
	if name == "openclaw" {
		m.Engines.Node = reg.engines
	}
	return m
}

// count returns how many requests contained a text.
func (reg *fakeRegistry) count(text string) int {
	reg.mu.Lock()
	defer reg.mu.Unlock()
	n := 0
	for _, r := range reg.requests {
		if strings.Contains(r, text) {
			n++
		}
	}
	return n
}

// site is a computer with a data directory and that registry.
type site struct {
	t     *testing.T
	reg   *fakeRegistry
	o     InstallOptions
	steps []string
	space func(string) (uint64, error)
}

func newSite(t *testing.T) *site {
	if runtime.GOOS == "windows" {
		t.Skip("the stub Node is a shell script")
	}
	s := &site{t: t, reg: newFakeRegistry(t)}
	s.o = InstallOptions{
		DataDir: t.TempDir(), Home: t.TempDir(), hashes: map[string]string{},
		Env:      []string{"npm_config_registry=" + s.reg.URL, "PATH=/usr/bin:/bin", "npm_config_globalconfig=/nonexistent"},
		Progress: func(p Progress) { s.steps = append(s.steps, p.Step) },
	}
	return s
}

// install runs one installation that makes each request only once.
func (s *site) install(ctx context.Context) (Runtime, error) {
	i, err := newInstaller(s.o)
	if err != nil {
		return Runtime{}, err
	}
	i.reg.delays = nil
	if s.space != nil {
		i.space = s.space
	}
	return i.run(ctx)
}

// must installs a version and checks that Resolve finds it.
func (s *site) must(version string) Runtime {
	s.t.Helper()
	r, err := s.install(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.works(version)
	return r
}

// works checks that the current managed runtime has this version and is complete.
func (s *site) works(version string) {
	s.t.Helper()
	m, err := readManaged(s.o.DataDir, runtime.GOOS)
	if err != nil {
		s.t.Fatalf("no managed runtime: %v", err)
	}
	i, err := newInstaller(s.o)
	if err != nil {
		s.t.Fatal(err)
	}
	i.o.OpenClawVersion = version
	_, i.o.NodeVersion = m.versions()
	if _, err := i.check(s.t.Context(), m); err != nil {
		s.t.Fatal(err)
	}
	if _, _, err := m.whole(); err != nil {
		s.t.Fatal(err)
	}
	for _, dir := range s.versions() {
		if at := managedAt(managedDir(s.o.DataDir)+"/"+dir, runtime.GOOS); !exists(at.node) || !exists(at.entry) {
			s.t.Errorf("half an installation is left in %s", dir)
		}
	}
}

// versions lists the folders of installed versions.
func (s *site) versions() []string {
	found := map[string]bool{}
	for _, name := range s.names() {
		if versionDir.MatchString(name) {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
