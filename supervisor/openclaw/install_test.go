package openclaw

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var noTime time.Time

// names lists what is in the folder of managed runtimes.
func (s *site) names() []string {
	entries, err := os.ReadDir(managedDir(s.o.DataDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestN3_Install(t *testing.T) {
	s := newSite(t)
	var output strings.Builder
	s.o.Log = &output
	items := 0
	s.o.Progress = func(p Progress) { s.steps = append(s.steps, p.Step); items = max(items, p.Items) }
	r := s.must(DefaultOpenClawVersion)
	if items != 2 || strings.Contains(output.String(), "npm http") {
		t.Errorf("%d things fetched; log %q", items, output.String())
	}
	if r.Version != DefaultOpenClawVersion || r.NodeVersion != DefaultNodeVersion || r.Source != "managed" || r.Engines == "" {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(output.String(), "added 330 packages") {
		t.Errorf("npm's output is not in the log: %q", output.String())
	}
	steps := slices.Compact(slices.Clone(s.steps))
	want := []string{"Reading npm's settings", "Preparing " + managedDir(s.o.DataDir),
		"Downloading Node 24.21.0", "Unpacking Node 24.21.0", "Downloading npm 11.19.1", "Unpacking npm 11.19.1",
		"Installing OpenClaw 2026.9.6", "Checking OpenClaw 2026.9.6", "Switching to OpenClaw 2026.9.6"}
	if len(steps) < len(want) || !slices.Equal(steps[:len(want)], want) {
		t.Errorf("steps %q\nwant  %q", steps, want)
	}
	if names := s.names(); slices.Contains(names, "downloads") || slices.Contains(names, "npm-cache") {
		t.Errorf("left behind: %q", names)
	}
	found, trace, err := Resolve(t.Context(), Search{Home: s.o.Home, DataDir: s.o.DataDir, Env: []string{"PATH=/nonexistent"}, Root: t.TempDir()})
	if err != nil || found.Entry != r.Entry || found.Node != r.Node {
		t.Errorf("Resolve: %+v, %v\n%v", found, err, trace)
	}
	// The runtime has the command npm, for the tools that a Gateway runs.
	if _, err := os.Stat(filepath.Join(filepath.Dir(r.Node), "npm")); err != nil {
		t.Error(err)
	}
}

func TestN3_InstalledAlreadyAsksNothing(t *testing.T) {
	s := newSite(t)
	first := s.must(DefaultOpenClawVersion)
	before := s.reg.count("/")
	second := s.must(DefaultOpenClawVersion)
	if first != second || s.reg.count("/") != before {
		t.Errorf("installed again: %d requests, %s", s.reg.count("/")-before, second.Dir)
	}
}

func TestN3_UpdateKeepsTheOneBefore(t *testing.T) {
	s := newSite(t)
	var dirs []string
	for _, version := range []string{"2026.8.2", "2026.9.6", "latest"} {
		s.o.OpenClawVersion = version
		r, err := s.install(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, strings.Split(strings.TrimPrefix(r.Dir, managedDir(s.o.DataDir)), "/")[1])
	}
	s.works("2026.10.1") // the version that "latest" names
	if v, err := Latest(t.Context(), s.o); v != "2026.10.1" || err != nil {
		t.Errorf("Latest: %q, %v", v, err)
	}
	s.o.OpenClawVersion = "" // without a requested version, no older version is installed
	if r := s.must("2026.10.1"); !strings.Contains(r.Dir, dirs[2]) {
		t.Errorf("went to %s", r.Dir)
	}
	if got := s.versions(); !slices.Equal(got, slices.Sorted(slices.Values(dirs[1:]))) {
		t.Errorf("kept %q, want the last two of %q", got, dirs)
	}
	if err := Remove(t.Context(), s.o.DataDir); err != nil {
		t.Fatal(err)
	}
	if got := s.names(); !slices.Equal(got, []string{"install.lock"}) {
		t.Errorf("left behind: %q", got)
	}
	if err := Remove(t.Context(), t.TempDir()); err != nil {
		t.Errorf("nothing to remove is fine: %v", err)
	}
}

// faults are faults of a registry or a package. Each is tried on a computer with an older
// runtime, which must still work afterwards.
var faults = []struct {
	name string
	do   func(s *site)
	kind InstallKind
	says string
}{
	{"wrong hash of Node", func(s *site) { s.reg.hashes[nodePackage()] = "sha512-" + strings.Repeat("A", 86) + "==" },
		BadHash, "24.21.0 does not have the hash the registry announced"},
	{"wrong hash of npm", func(s *site) { s.reg.hashes["npm"] = "sha512-" + strings.Repeat("A", 86) + "==" },
		BadHash, "npm 11.19.1 does not have the hash"},
	{"no hash", func(s *site) { s.reg.hashes["npm"] = "sha1-abc" }, BadHash, "gives no SHA-512 hash"},
	{"swapped tarball", func(s *site) {
		s.reg.hashes["npm"] = s.reg.describe("npm", npmVersion).Dist.Integrity
		s.reg.tarballs["npm"] = pack(s.t, entry{name: "package/bin/npm-cli.js", content: "evil"})
	}, BadHash, "npm 11.19.1"},
	{"tarball longer than it should be", func(s *site) {
		s.reg.hashes["npm"] = s.reg.describe("npm", npmVersion).Dist.Integrity
		s.reg.tarballs["npm"] = append(slices.Clone(s.reg.tarballs["npm"]), "and more"...)
	}, BadHash, "npm 11.19.1"},
	{"garbage description", func(s *site) { s.reg.answer("/npm/11.19.1", 200, "<html>Sign in to the hotel") }, BadRegistry, "is not JSON"},
	{"description of another package", func(s *site) {
		s.reg.answer("/npm/11.19.1", 200, `{"name":"nmp","version":"1.0.0","dist":{"tarball":"x"}}`)
	},
		BadRegistry, "described another package than npm 11.19.1"},
	{"description without a tarball", func(s *site) { s.reg.answer("/npm/11.19.1", 200, `{"name":"npm","version":"11.19.1"}`) }, BadRegistry, ""},
	{"tarball at no address", func(s *site) {
		s.reg.answer("/npm/11.19.1", 200, `{"name":"npm","version":"11.19.1","dist":{"tarball":"::","integrity":"sha512-`+strings.Repeat("A", 86)+`=="}}`)
	}, BadRegistry, `gave "::" as an address`},
	{"tarball that is a local file", func(s *site) {
		s.reg.answer("/npm/11.19.1", 200, `{"name":"npm","version":"11.19.1","dist":{"tarball":"file:///etc/passwd","integrity":"sha512-`+strings.Repeat("A", 86)+`=="}}`)
	}, BadRegistry, "as an address"},
	{"package not there", func(s *site) { delete(s.reg.tarballs, "npm") }, NotFound, "404 Not Found"},
	{"token wanted", func(s *site) { s.reg.answer("/npm", 401, "") }, Unauthorized, "401"},
	{"forbidden", func(s *site) { s.reg.answer("/npm", 403, "") }, Unauthorized, "403"},
	{"proxy wants a password", func(s *site) { s.reg.answer("/npm", 407, "") }, Offline, "proxy settings"},
	{"proxy gone", func(s *site) {
		s.o.Env = append(s.o.Env, "npm_config_registry=http://npm.example", "npm_config_proxy=http://127.0.0.1:9")
	}, Offline, "refused"},
	{"registry broken", func(s *site) { s.reg.answer("/npm", 503, "") }, Offline, "503"},
	{"registry gone", func(s *site) { s.reg.Close() }, Offline, "refused"},
	{"tarball not there", func(s *site) { s.reg.answer("/npm/-/", 404, "") }, NotFound, ""},
	{"tarball cut", func(s *site) { s.reg.cut("/npm/-/", 100) }, Offline, "unexpected EOF"},
	{"tarball too large", func(s *site) {
		s.reg.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/npm/-/") {
				w.Header().Set("Content-Length", fmt.Sprint(int64(maxTarball)+1))
				w.WriteHeader(200)
				return true
			}
			return false
		}
	}, BadRegistry, "more than any package of ours"},
	{"tar with a path outside", func(s *site) {
		s.reg.tarballs["npm"] = pack(s.t, entry{name: "package/../../../../evil", content: "x"})
	}, BadArchive, "leads out of its folder"},
	{"tar with an absolute path", func(s *site) { s.reg.tarballs["npm"] = pack(s.t, entry{name: "/tmp/evil", content: "x"}) }, BadArchive, "leads out"},
	{"tar with a Windows path", func(s *site) { s.reg.tarballs["npm"] = pack(s.t, entry{name: `package\..\..\evil`, content: "x"}) }, BadArchive, "leads out"},
	{"tar with a link out", func(s *site) {
		s.reg.tarballs["npm"] = pack(s.t, entry{name: "package/bin", kind: tar.TypeSymlink, link: "/tmp"}, entry{name: "package/bin/npm-cli.js", content: "x"})
	}, BadArchive, "neither a file nor a folder"},
	{"tar with a hard link", func(s *site) {
		s.reg.tarballs["npm"] = pack(s.t, entry{name: "package/passwd", kind: tar.TypeLink, link: "/etc/passwd"})
	}, BadArchive, "neither a file nor a folder"},
	{"tar cut before packing", func(s *site) {
		whole := s.reg.tarballs[nodePackage()]
		s.reg.tarballs[nodePackage()] = whole[:len(whole)/2]
	}, BadArchive, "damaged"},
	{"not a tar", func(s *site) { s.reg.tarballs["npm"] = []byte("hello") }, BadArchive, "not compressed as npm does"},
	{"package without a Node", func(s *site) { s.reg.tarballs[nodePackage()] = pack(s.t, entry{name: "package/README", content: "x"}) }, BadArchive, "holds no Node"},
	{"package without an npm", func(s *site) { s.reg.tarballs["npm"] = pack(s.t, entry{name: "package/README", content: "x"}) }, BadArchive, "holds no npm"},
	{"Node that does not run", func(s *site) { s.node("#!/bin/sh\nexit 3\n") }, InstallFailed, "exit status 3: no output"},
	{"Node for another kind of machine", func(s *site) { s.node("\x7fELF not for here") }, NotRunning, "the new Node cannot be started (fork/exec"},
	{"Node of another version", func(s *site) { s.node(strings.ReplaceAll(stubNode, "echo v24.21.0", "echo v24.1.0")) }, NotRunning, `answered "v24.1.0"`},
	{"OpenClaw that does not run", func(s *site) { s.node(strings.ReplaceAll(stubNode, `echo "OpenClaw`, `echo "OpenPaw`)) }, NotRunning, `answered "OpenPaw`},
	{"npm offline", func(s *site) {
		s.npm("echo 'npm error code ENOTFOUND'; echo 'npm error errno ENOTFOUND'; echo 'npm error network request failed'; exit 1")
	}, Offline, "npm ended with ENOTFOUND (network request failed)"},
	{"npm behind a traffic inspector", func(s *site) { s.npm("echo 'npm error code SELF_SIGNED_CERT_IN_CHAIN'; exit 1") }, Untrusted, "certificate named"},
	{"npm with a wrong hash", func(s *site) { s.npm("echo 'npm error code EINTEGRITY'; exit 1") }, BadHash, "EINTEGRITY"},
	{"npm on a full disk", func(s *site) { s.npm("echo 'npm error code ENOSPC'; exit 1") }, DiskFull, "ENOSPC"},
	{"npm killed", func(s *site) { s.npm("echo half; kill -9 $$") }, InstallFailed, "signal: killed: half"},
	{"npm that installs nothing", func(s *site) { s.npm("exit 0") }, NotRunning, "does not exist"},
	{"no space", func(s *site) { s.space = func(string) (uint64, error) { return 100e6, nil } }, DiskFull, "has 0.1 GB free, and 1.3 GB are needed"},
}

// answer makes the registry give this answer for paths with the prefix.
func (reg *fakeRegistry) answer(prefix string, status int, body string) {
	reg.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, prefix) {
			return false
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return true
	}
}

// cut makes the registry end each answer for such paths n bytes after the requested start.
func (reg *fakeRegistry) cut(prefix string, n int) {
	reg.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, prefix) {
			return false
		}
		full := httptest.NewRecorder()
		http.ServeContent(full, r, "", noTime, strings.NewReader(string(reg.tarballs[strings.Split(r.URL.Path, "/")[1]])))
		for key, values := range full.Header() {
			w.Header()[key] = values
		}
		w.WriteHeader(full.Code)
		w.Write(full.Body.Bytes()[:min(n, full.Body.Len())])
		return true // with fewer bytes than announced, the server closes the connection
	}
}

func (s *site) node(script string) {
	packed := pack(s.t, entry{name: "package/bin/node", content: script})
	s.reg.change(func() { s.reg.tarballs[nodePackage()] = packed })
}

func (s *site) npm(script string) {
	packed := pack(s.t, entry{name: "package/bin/npm-cli.js", content: script}, entry{name: "package/bin/npx-cli.js"})
	s.reg.change(func() { s.reg.tarballs["npm"] = packed })
}

func TestN3_FaultsLeaveTheOldRuntime(t *testing.T) {
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			s := newSite(t)
			s.o.OpenClawVersion = "2026.8.2"
			old := s.must("2026.8.2")
			s.o.OpenClawVersion = "2026.9.6"
			good, env := s.reg.tarballs, s.o.Env
			s.reg.tarballs = map[string][]byte{nodePackage(): good[nodePackage()], "npm": good["npm"]}
			f.do(s)
			_, err := s.install(t.Context())
			var failed *InstallError
			if !errors.As(err, &failed) || failed.Kind != f.kind {
				t.Fatalf("error %v, want kind %v", err, f.kind)
			}
			if !strings.Contains(err.Error(), f.says) || !strings.HasSuffix(err.Error(), ". "+failed.Remedy()) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one sentence with %q, and a remedy", err, f.says)
			}
			s.works("2026.8.2")
			if got := s.versions(); len(got) != 1 {
				t.Errorf("left behind: %q", got)
			}
			if _, err := os.Stat("/tmp/evil"); err == nil {
				t.Fatal("a file outside was written")
			}
			// After the fault, the same computer can install, whatever files were left.
			if f.name == "registry gone" {
				return
			}
			s.reg.tarballs, s.reg.fault, s.reg.hashes, s.space, s.o.Env = good, nil, map[string]string{}, nil, env
			if r := s.must("2026.9.6"); r.Dir == old.Dir {
				t.Error("nothing was switched")
			}
		})
	}
}

// N3: a download that was interrupted at any byte continues there.
func TestN3_InterruptedDownloadResumes(t *testing.T) {
	s := newSite(t)
	size := len(s.reg.tarballs[nodePackage()])
	for _, at := range []int{1, 511, size / 2, size - 1} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			s := newSite(t)
			s.reg.cut("/"+nodePackage()+"/-/", at)
			_, err := s.install(t.Context())
			var failed *InstallError
			if !errors.As(err, &failed) || failed.Kind != Offline {
				t.Fatalf("error %v", err)
			}
			s.reg.fault = nil
			s.must(DefaultOpenClawVersion)
			if want := fmt.Sprintf(".tgz bytes=%d-", at); s.reg.count(want) != 1 {
				t.Errorf("no request with %q: %q", want, s.reg.requests)
			}
		})
	}
}

// N3: within one installation, a connection that breaks again and again is renewed.
func TestN3_RetriesWithinOneRun(t *testing.T) {
	s := newSite(t)
	size := len(s.reg.tarballs[nodePackage()])
	s.reg.cut("/"+nodePackage()+"/-/", size/3+1)
	i, err := newInstaller(s.o)
	if err != nil {
		t.Fatal(err)
	}
	i.reg.delays = []time.Duration{0, 0}
	if _, err := i.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.reg.count(nodePackage() + "/-/"); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestN3_RegistryThatCannotResume(t *testing.T) {
	for name, answer := range map[string]func(reg *fakeRegistry) func(http.ResponseWriter, *http.Request) bool{
		"sends all again": func(reg *fakeRegistry) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool { r.Header.Del("Range"); return false }
		},
		"continues elsewhere": func(reg *fakeRegistry) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("Range") != "" {
					r.Header.Set("Range", "bytes=1-")
				}
				return false
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.reg.cut("/npm/-/", 50)
			if _, err := s.install(t.Context()); err == nil {
				t.Fatal("no error")
			}
			s.reg.fault = answer(s.reg)
			if _, err := s.install(t.Context()); err != nil && name == "sends all again" {
				t.Fatal(err)
			}
			s.reg.fault = nil
			s.must(DefaultOpenClawVersion)
		})
	}
}

// N3: when the file of an earlier run is damaged, the package is downloaded again.
func TestN3_DamagedPartIsReplaced(t *testing.T) {
	s := newSite(t)
	want, err := sha512Of(s.reg.describe("npm", npmVersion).Dist.Integrity)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(managedDir(s.o.DataDir), "downloads")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"garbage", strings.Repeat("more than all ", 1000)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%x.tgz", want[:16])), []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := newInstaller(s.o)
		if err != nil {
			t.Fatal(err)
		}
		i.reg.delays = []time.Duration{0}
		if _, err := i.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := Remove(t.Context(), s.o.DataDir); err != nil {
			t.Fatal(err)
		}
	}
}

func TestN3_CancelledDuringDownload(t *testing.T) {
	s := newSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.reg.fault = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/npm/-/") {
			return false
		}
		w.Header().Set("Content-Length", "100000")
		w.Write([]byte("something"))
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
		return true
	}
	_, err := s.install(ctx)
	var failed *InstallError
	if !errors.As(err, &failed) || failed.Kind != Interrupted || !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	s.reg.fault = nil
	s.must(DefaultOpenClawVersion)
}

// N3: npm runs with the managed Node, which is first in its PATH, and the user's variables
// cannot make it install elsewhere.
func TestN3_NpmEnvironment(t *testing.T) {
	s := newSite(t)
	seen := filepath.Join(t.TempDir(), "seen")
	s.npm("env >" + seen)
	s.o.Env = append(s.o.Env, "NODE_OPTIONS=--bad", "npm_config_global=true", "NPM_CONFIG_PREFIX=/usr", "npm_config_location=global", "npm_config_dry_run=true",
		"NODE_EXTRA_CA_CERTS=", "HTTPS_PROXY=http://webproxy.example", "OPENCLAW_NO_RESPAWN=1", "NODE_TLS_REJECT_UNAUTHORIZED=0")
	r := s.must(DefaultOpenClawVersion)
	raw, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	env := strings.Split(strings.TrimSpace(string(raw)), "\n")
	for key, want := range map[string]string{"HTTPS_PROXY": "http://webproxy.example", "npm_config_registry": s.reg.URL} {
		if got := getenv(env, key); got != want {
			t.Errorf("%s=%s, want %s", key, got, want)
		}
	}
	if got := filepath.SplitList(getenv(env, "PATH")); got[0] != filepath.Dir(r.Node) || !slices.Contains(got, "/usr/bin") {
		t.Errorf("PATH %q", got)
	}
	for _, key := range []string{"NODE_OPTIONS", "npm_config_global", "NPM_CONFIG_PREFIX", "npm_config_location", "npm_config_dry_run", "OPENCLAW_NO_RESPAWN", "NODE_TLS_REJECT_UNAUTHORIZED"} {
		if v, ok := lookup(env, key); ok {
			t.Errorf("npm got %s=%s", key, v)
		}
	}
}

// N3: the next installer removes what a killed one has left, and its result works.
func TestN3_LeftoversOfAKilledInstaller(t *testing.T) {
	s := newSite(t)
	left := filepath.Join(managedDir(s.o.DataDir), "2026.9.6-node24.21.0-1234567", "node", "bin")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}
	s.must(DefaultOpenClawVersion)
	if got := s.versions(); len(got) != 1 {
		t.Errorf("left behind: %q", got)
	}
}

func TestN3_TwoInstallersAtOnce(t *testing.T) {
	s := newSite(t)
	var wg sync.WaitGroup
	for range 2 {
		o := s.o
		o.Progress = nil
		wg.Go(func() {
			if _, err := Install(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.works(DefaultOpenClawVersion)
	if n := s.reg.count("/npm/-/"); n != 1 || len(s.versions()) != 1 {
		t.Errorf("npm was fetched %d times; versions %q", n, s.versions())
	}
}

func TestN3_BrokenRuntimeIsReplaced(t *testing.T) {
	s := newSite(t)
	r := s.must(DefaultOpenClawVersion)
	if err := os.Remove(r.Node); err != nil {
		t.Fatal(err)
	}
	if again := s.must(DefaultOpenClawVersion); again.Dir == r.Dir {
		t.Error("the broken one was kept")
	}
}

func TestN3_NoFolderToWriteTo(t *testing.T) {
	s := newSite(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.o.DataDir = filepath.Join(file, "data") // even root cannot create a folder in a file
	_, err := s.install(t.Context())
	var failed *InstallError
	if !errors.As(err, &failed) || failed.Kind != NotWritable {
		t.Fatalf("error %v", err)
	}
}

func TestN3_RegistryForWholePackagesOnly(t *testing.T) {
	s := newSite(t)
	s.reg.fault = func(w http.ResponseWriter, r *http.Request) bool {
		name := strings.Trim(r.URL.Path, "/")
		if strings.Contains(name, "/-/") {
			return false
		}
		if strings.Contains(name, "/") {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return true
		}
		version := map[string]string{"npm": npmVersion, nodePackage(): DefaultNodeVersion}[name]
		d := s.reg.describe(name, version).Dist
		fmt.Fprintf(w, `{"dist-tags":{"latest":"0.0.1"},"versions":{%q:{"name":%q,"version":%[1]q,"dist":{"tarball":%[3]q,"integrity":%[4]q}}}}`, version, name, d.Tarball, d.Integrity)
		return true
	}
	s.must(DefaultOpenClawVersion)
}

// N3: a company's registry has a path and needs a token from ~/.npmrc. Its descriptions
// contain npm's own host in the addresses of tarballs.
func TestN3_RegistryBehindPathAndToken(t *testing.T) {
	s := newSite(t)
	const token = "canary-registry-token"
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("a stranger was asked") }))
	t.Cleanup(stranger.Close)
	inner := http.StripPrefix("/repo/npm", s.reg)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	s.reg.host = defaultRegistry()
	s.o.Env = []string{"PATH=/usr/bin:/bin", "REG_TOKEN=" + token, "npm_config_globalconfig=/nonexistent"}
	npmrc := "registry=" + front.URL + "/repo/npm\n//" + strings.TrimPrefix(front.URL, "http://") + "/repo/npm/:_authToken=${REG_TOKEN}\n"
	if err := os.WriteFile(filepath.Join(s.o.Home, ".npmrc"), []byte(npmrc), 0o600); err != nil {
		t.Fatal(err)
	}
	s.must(DefaultOpenClawVersion)

	s.o.Env[1] = "REG_TOKEN=wrong"
	s.o.OpenClawVersion = "2026.10.1"
	_, err := s.install(t.Context())
	var failed *InstallError
	if !errors.As(err, &failed) || failed.Kind != Unauthorized || strings.Contains(err.Error(), "wrong") {
		t.Errorf("error %v", err)
	}
}

// N3: a token is only sent to its registry, not to a host in a description.
func TestN3_TokenStaysWithItsRegistry(t *testing.T) {
	s := newSite(t)
	var leaked string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked += r.Header.Get("Authorization")
		s.reg.ServeHTTP(w, r)
	}))
	t.Cleanup(elsewhere.Close)
	s.reg.host = elsewhere.URL + "/"
	s.o.Env = append(s.o.Env, "npm_config_//"+strings.TrimPrefix(s.reg.URL, "http://")+"/:_authToken=canary")
	s.must(DefaultOpenClawVersion)
	if leaked != "" {
		t.Errorf("another host got %q", leaked)
	}
}

func TestN3_ThroughAProxy(t *testing.T) {
	s := newSite(t)
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Host)
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/")
		r.URL = &url.URL{Path: "/" + r.URL.Path}
		s.reg.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	s.reg.host = "http://npm.example/"
	s.o.Env = []string{"PATH=/usr/bin:/bin", "npm_config_registry=http://npm.example", "npm_config_proxy=" + proxy.URL, "npm_config_globalconfig=/nonexistent"}
	s.must(DefaultOpenClawVersion)
	if len(asked) != 4 || asked[0] != "npm.example" {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

// roundTrip answers requests in memory, so that slow networks need no real time.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// trickle sends one byte at a time and then nothing, for ever.
type trickle struct {
	ctx   context.Context
	pause time.Duration
	bytes int
}

func (b *trickle) Close() error { return nil }

func (b *trickle) Read(p []byte) (int, error) {
	if b.bytes--; b.bytes < 0 {
		<-b.ctx.Done()
		return 0, b.ctx.Err()
	}
	time.Sleep(b.pause) // virtual
	return copy(p, "x"), nil
}

// N3: a slow download continues; a download that receives nothing for a minute fails.
func TestN3_StalledDownload(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		reg := registry{base: "http://npm.example/", http: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: &trickle{r.Context(), 59 * time.Second, 10}, Request: r, ContentLength: -1}, nil
		})}}
		began := time.Now()
		m := manifest{Name: "npm", Version: "1", Dist: dist{Tarball: "http://npm.example/x.tgz", Integrity: "sha512-" + strings.Repeat("A", 86) + "=="}}
		_, err := reg.fetch(t.Context(), m, dir, func(int64, int64) {})
		if kindOf(err) != Offline || !strings.Contains(err.Error(), "nothing arrived for 1m0s") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took != 10*59*time.Second+stallLimit {
			t.Errorf("given up after %v", took)
		}
	})
}

// N3: a request that gets no answer is repeated and then fails.
func TestN3_SilentRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		reg := registry{base: "http://npm.example/", delays: retryDelays, http: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}}
		_, err := reg.describe(t.Context(), "npm", "1")
		if kindOf(err) != Offline || asked != 1+len(retryDelays) {
			t.Errorf("asked %d times: %v", asked, err)
		}
	})
}

// XT13: npm's settings ca and strict-ssl count, too.
func TestN3_UnknownCertificate(t *testing.T) {
	s := newSite(t)
	secure := httptest.NewUnstartedServer(s.reg)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // without this, the server would log each refused handshake
	secure.StartTLS()
	t.Cleanup(secure.Close)
	s.reg.host = secure.URL + "/"
	s.o.Env = []string{"PATH=/usr/bin:/bin", "npm_config_registry=" + secure.URL, "npm_config_globalconfig=/nonexistent"}
	_, err := s.install(t.Context())
	var failed *InstallError
	if !errors.As(err, &failed) || failed.Kind != Untrusted {
		t.Fatalf("error %v", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pemOf(secure.Certificate()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, variable := range []string{"NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "npm_config_cafile"} {
		s.o.Env = append(s.o.Env[:3:3], variable+"="+ca)
		s.o.DataDir = t.TempDir()
		s.must(DefaultOpenClawVersion)
	}
	// The same with npm's settings in its file.
	authority := strings.ReplaceAll(string(pemOf(secure.Certificate())), "\n", `\n`)
	for _, line := range []string{"cafile=" + ca, `ca="` + authority + `"`, "ca[]=\"" + authority + "\"\nca[]=\"" + authority + `"`, "strict-ssl=false", `"strict-ssl" = false ; for now`} {
		if err := os.WriteFile(filepath.Join(s.o.Home, ".npmrc"), []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.o.Env, s.o.DataDir = s.o.Env[:3:3], t.TempDir()
		s.must(DefaultOpenClawVersion)
	}
	for _, line := range []string{"strict-ssl=true", "strict-ssl", "ca=null"} {
		if err := os.WriteFile(filepath.Join(s.o.Home, ".npmrc"), []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.o.DataDir = t.TempDir()
		_, err := s.install(t.Context())
		s.kind(err, Untrusted, "")
	}
	if err := os.WriteFile(filepath.Join(s.o.Home, ".npmrc"), []byte("ca=no certificate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.install(t.Context())
	s.kind(err, BadSettings, "npm's ca holds no certificate")
	s.o.Env = append(s.o.Env[:3:3], "NODE_EXTRA_CA_CERTS=/nonexistent.pem")
	_, err = s.install(t.Context())
	if !errors.As(err, &failed) || failed.Kind != BadSettings || !strings.Contains(err.Error(), "NODE_EXTRA_CA_CERTS: /nonexistent.pem does not exist") {
		t.Errorf("error %v", err)
	}
}
