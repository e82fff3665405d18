//go:build unix

package openclaw

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// strangers returns folders that another user could have filled, with the words of the
// error for each. All except one are at the place of the Gateway's compile cache.
func strangers(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	folder := func(path string, mode fs.FileMode) string {
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	in := func(name string) string { return CompileCache(filepath.Join(dir, name)) }
	folder(filepath.Join(dir, "link"), 0o700)
	if err := os.Symlink(folder(filepath.Join(dir, "target"), 0o700), in("link")); err != nil {
		t.Fatal(err)
	}
	folder(filepath.Join(dir, "file"), 0o700)
	if err := os.WriteFile(in("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{
		folder(in("all"), 0o777):                  "can be written by other users",
		folder(in("sticky"), fs.ModeSticky|0o777): "can be written by other users",
		folder(in("group"), 0o770):                "can be written by other users",
		in("link"):                                "is a link",
		in("file"):                                "is not a folder",
		CompileCache(folder(filepath.Join(dir, "open"), 0o777)): "open can be replaced by other users",
	}
	if os.Getuid() != 0 {
		found["/usr"] = "belongs to another user" // it belongs to root
		return found
	}
	home := folder(filepath.Join(dir, "home"), 0o700)
	for _, path := range []string{folder(in("other"), 0o700), home} {
		if err := os.Chown(path, 4711, 4711); err != nil {
			t.Fatal(err)
		}
	}
	found[in("other")] = "belongs to another user"
	found[CompileCache(home)] = "home can be replaced by other users"
	return found
}

func TestXS2_FoldersOfStrangersAreRefused(t *testing.T) {
	for dir, says := range strangers(t) {
		if err := MakePrivate(dir); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", dir, err, says)
		}
	}
	dir := filepath.Join(t.TempDir(), "new", "folder")
	if err := MakePrivate(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := MakePrivate(dir); err != nil {
		t.Errorf("our own folder: %v", err)
	}
	// A link above the folder is accepted, because the user has moved it to another disk on
	// purpose.
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Dir(dir), link); err != nil {
		t.Fatal(err)
	}
	if err := MakePrivate(filepath.Join(link, "folder")); err != nil {
		t.Errorf("below a link: %v", err)
	}
}

// XS2: another user has created the folder of our compile cache, or that of Node. A gateway
// of any version uses a folder of ours, or no cache.
func TestXS2_GatewayNeverUsesAStrangersCache(t *testing.T) {
	m := newMachine(t)
	for name, source := range map[string]string{
		"2026.9.6":  "module.enableCompileCache; spawn(); // OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED",
		"2026.3.13": "module.enableCompileCache()",
		"unknown":   "module.enableCompileCache(); spawn()",
	} {
		m.openclaw("/"+name, "1.0.0", engines)
		m.file("/"+name+"/openclaw/openclaw.mjs", source, 0o644)
		r := Runtime{Node: "/n/node", Entry: m.at("/" + name + "/openclaw/openclaw.mjs")}
		for dir := range strangers(t) {
			if cache := filepath.Dir(dir); CompileCache(cache) == dir {
				m.ownCache(name, r.Gateway(Launch{CacheDir: cache}).Env, "")
			}
		}
		m.ownCache(name, r.Gateway(Launch{Env: []string{"NODE_COMPILE_CACHE=/tmp/x"}}).Env, "")
		own := filepath.Join(t.TempDir(), "cache")
		if env := r.Gateway(Launch{CacheDir: own}).Env; name == "unknown" {
			m.ownCache(name, env, "")
		} else {
			m.ownCache(name, env, CompileCache(own))
			// This variable tells the launcher of 2026.6.11 and later not to stay as the
			// parent of the Gateway.
			if got := getenv(env, cacheRespawned); (got == "1") != (name == "2026.9.6") {
				t.Errorf("%s: %s=%s", name, cacheRespawned, got)
			}
		}
	}
}

// ownCache checks that a Node with this environment uses a cache in dir, or none.
func (m *machine) ownCache(name string, env []string, dir string) {
	m.t.Helper()
	if got := getenv(env, "NODE_COMPILE_CACHE"); got != dir {
		m.t.Errorf("%s: NODE_COMPILE_CACHE=%s, want %q", name, got, dir)
	}
	if got := getenv(env, "NODE_DISABLE_COMPILE_CACHE"); (got != "") != (dir == "") {
		m.t.Errorf("%s: NODE_DISABLE_COMPILE_CACHE=%s", name, got)
	}
}

func TestXS2_DoctorWithoutAStrangersCache(t *testing.T) {
	r, l := stubDoctor(t, "/usr/bin/env")
	for _, bad := range []bool{false, true} {
		l.CacheDir = filepath.Join(t.TempDir(), "cache")
		want := CompileCache(l.CacheDir)
		if bad {
			want = ""
			if err := errors.Join(os.MkdirAll(CompileCache(l.CacheDir), 0o700), os.Chmod(CompileCache(l.CacheDir), 0o777)); err != nil {
				t.Fatal(err)
			}
		}
		m := newMachine(t)
		m.openclaw("/x", "2026.9.6", engines)
		m.file("/x/openclaw/openclaw.mjs", "// "+cacheRespawned, 0o644)
		r.Entry = m.at("/x/openclaw/openclaw.mjs")
		out, err := r.Doctor(l).CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		m.ownCache("doctor", strings.Split(string(out), "\n"), want)
	}
}

// XS2: npm, and programs that only print their version, use no cache.
func TestXS2_NpmAndProbesWithoutACache(t *testing.T) {
	s := newSite(t)
	seen := filepath.Join(t.TempDir(), "seen")
	spy := strings.Replace(stubNode, "#!/bin/sh\n", "#!/bin/sh\nenv >>"+seen+"; echo == >>"+seen+"\n", 1)
	s.node(spy)
	s.must(DefaultOpenClawVersion)
	s.o.Env = append(s.o.Env, "NODE_COMPILE_CACHE=/tmp/x")
	if _, _, err := Resolve(t.Context(), Search{Home: s.o.Home, DataDir: s.o.DataDir, Env: s.o.Env, Root: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	runs := strings.Split(strings.TrimSuffix(string(raw), "==\n"), "==\n")
	if len(runs) < 4 {
		t.Errorf("%d runs", len(runs))
	}
	for _, run := range runs {
		(&machine{t: t}).ownCache("npm or a probe", strings.Split(run, "\n"), "")
	}
}

// XS2: a managed runtime, or the cache file with a runtime, is not used if another user
// could have written it.
func TestXS2_RuntimeOfAStranger(t *testing.T) {
	m := newMachine(t)
	m.node("/usr/bin/node", "24.21.0")
	m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
	m.managed("24.21.0", "2027.1.1")
	m.file(home+"/.cache/x/runtime.json", "{}", 0o600)
	s := m.search()
	s.CacheFile = m.at(home + "/.cache/x/runtime.json")
	if _, _, err := Resolve(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, ok := newFinder(t.Context(), s).last(); !ok {
		t.Error("our own memory is not believed")
	}
	if err := os.Chmod(m.at("/data/runtime"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(m.at("/usr/lib")); err != nil {
		t.Fatal(err)
	}
	m.believesNoStranger(s)
	r, trace, err := Resolve(t.Context(), s)
	if err == nil || !strings.Contains(trace.String(), "/data/runtime can be written by other users") {
		t.Errorf("chose %+v, %v\n%v", r, err, trace)
	}

	site := newSite(t)
	if err := os.Mkdir(managedDir(site.o.DataDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(managedDir(site.o.DataDir), 0o777); err != nil {
		t.Fatal(err)
	}
	_, err = site.install(t.Context())
	site.kind(err, NotPrivate, "can be written by other users")
	if n := site.reg.count("/"); n != 0 {
		t.Errorf("asked the registry: %q", site.reg.requests)
	}
}

func TestXS11_WorldWritableFolderInPath(t *testing.T) {
	dir := t.TempDir()
	var path []string
	for name, mode := range map[string]fs.FileMode{"own": 0o755, "group": 0o775, "all": 0o777, "tmp": fs.ModeSticky | 0o777} {
		at := filepath.Join(dir, name)
		if err := os.Mkdir(at, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(at, mode); err != nil {
			t.Fatal(err)
		}
		path = append(path, at)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("all", link); err != nil {
		t.Fatal(err)
	}
	path = append(path, link, filepath.Join(dir, "gone"), link)
	got := OpenFolders(strings.Join(path, ":"))
	slices.Sort(got)
	if want := []string{filepath.Join(dir, "all"), link, filepath.Join(dir, "tmp")}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// believesNoStranger replaces the cache file by one of another user, and checks that it is
// ignored.
func (m *machine) believesNoStranger(s Search) {
	m.t.Helper()
	moved := s.CacheFile + ".moved"
	steps := []func() error{
		func() error { return os.Chmod(s.CacheFile, 0o666) },
		func() error { return os.Chmod(s.CacheFile, 0o620) },
		func() error {
			return errors.Join(os.Rename(s.CacheFile, moved), os.Chmod(moved, 0o600), os.Symlink(moved, s.CacheFile))
		},
	}
	steps = append(steps, func() error { return errors.Join(os.Remove(s.CacheFile), syscall.Mkfifo(s.CacheFile, 0o600)) })
	if os.Getuid() == 0 {
		steps = append(steps, func() error {
			return errors.Join(os.Remove(s.CacheFile), os.Rename(moved, s.CacheFile), os.Chown(s.CacheFile, 4711, 4711))
		})
	}
	for i, step := range steps {
		if err := step(); err != nil {
			m.t.Fatal(err)
		}
		if r, ok := newFinder(m.t.Context(), s).last(); ok {
			m.t.Errorf("step %d: believed %+v", i, r)
		}
	}
}

// XS2: with the real Node and an existing shared folder, compiled code is not stored in
// that folder.
func TestXS2_RealNode(t *testing.T) {
	runtime := realRuntime(t)
	node, entry := runtime.Node, runtime.Entry
	shared := t.TempDir()
	planted, bad := filepath.Join(shared, "node-compile-cache"), filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(planted, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(CompileCache(bad), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{planted, CompileCache(bad)} {
		if err := os.Chmod(dir, 0o777); err != nil { // independent of the umask
			t.Fatal(err)
		}
	}
	script := filepath.Join(t.TempDir(), "cache.mjs")
	const source = "import m from 'node:module'; m.enableCompileCache(); console.log(m.getCompileCacheDir() ?? 'none')"
	if err := os.WriteFile(script, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"TMPDIR=" + shared, "PATH=/usr/bin:/bin", "HOME=" + t.TempDir()}
	folder := func(env []string) string {
		cmd := exec.CommandContext(t.Context(), node, script)
		cmd.Env = env
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	if got := folder(env); !strings.HasPrefix(got, planted) {
		t.Fatalf("left alone, Node uses %s, not the planted folder: this test proves nothing", got)
	}
	own := filepath.Join(t.TempDir(), "own")
	r := Runtime{Node: node, Entry: entry}
	i, err := newInstaller(InstallOptions{DataDir: t.TempDir(), Home: t.TempDir(), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want string }{
		"a probe":               {folder(newFinder(t.Context(), Search{Env: env}).probeEnv()), "none"},
		"npm":                   {folder(i.npmEnv(managed{node: node})), "none"},
		"a gateway":             {folder(r.Gateway(Launch{Env: env, CacheDir: own}).Env), CompileCache(own)},
		"one without a folder":  {folder(r.Gateway(Launch{Env: env}).Env), "none"},
		"one with a bad folder": {folder(r.Gateway(Launch{Env: env, CacheDir: bad}).Env), "none"},
		"an unknown OpenClaw":   {folder(Runtime{Node: node, Entry: script}.Gateway(Launch{Env: env, CacheDir: bad}).Env), "none"},
	} {
		if c.want == "none" && c.got != "none" || !strings.HasPrefix(c.got, c.want) {
			t.Errorf("%s uses %s, want %s", name, c.got, c.want)
		}
	}
	if left, err := os.ReadDir(planted); err != nil || len(left) > 1 {
		t.Errorf("%v, %v", left, err) // the first call above created one
	}
}
