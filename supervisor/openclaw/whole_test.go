package openclaw

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// kind checks that err is an InstallError of this kind whose text contains says.
func (s *site) kind(err error, want InstallKind, says string) {
	s.t.Helper()
	var failed *InstallError
	if !errors.As(err, &failed) || failed.Kind != want || !strings.Contains(err.Error(), says) {
		s.t.Errorf("error %v, want kind %v and %q", err, want, says)
	}
}

func TestN3_Check(t *testing.T) {
	s := newSite(t)
	_, err := Check(t.Context(), s.o)
	s.kind(err, NotInstalled, `there is none in `)
	r := s.must(DefaultOpenClawVersion)
	before := s.reg.count("/")
	c, err := Check(t.Context(), s.o)
	if err != nil || c.Runtime != r || c.Files != 10 || c.Bytes < 64<<10 {
		t.Errorf("%+v, %v", c, err)
	}
	if s.reg.count("/") != before {
		t.Error("asked the registry")
	}
	for name, harm := range map[string]func(path string) error{
		"removed":  os.Remove,
		"cut":      func(path string) error { return os.Truncate(path, 3) },
		"replaced": func(path string) error { return os.WriteFile(path, []byte("something longer than it was"), 0o755) },
	} {
		for _, file := range []string{"node/README.md", "openclaw/node_modules/openclaw/version", listFile} {
			if name == "replaced" && file == "node/README.md" {
				continue // the stub's file has 64 kB
			}
			dir := filepath.Join(managedDir(s.o.DataDir), s.current())
			if err := harm(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
				t.Fatal(err)
			}
			_, err := Check(t.Context(), s.o)
			says := "1 of its 10 files are missing or have changed, such as " + file
			if file == listFile {
				says = "its list of files is "
			}
			s.kind(err, Damaged, says)
			if again := s.must(DefaultOpenClawVersion); strings.HasPrefix(again.Dir, dir) {
				t.Errorf("%s %s: the harmed one was kept", file, name)
			}
			if _, err := Check(t.Context(), s.o); err != nil {
				t.Errorf("%s %s: after another installation: %v", file, name, err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(managedDir(s.o.DataDir), currentFile), []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Check(t.Context(), s.o)
	s.kind(err, Damaged, "names no version")
}

// current returns the name of the current version.
func (s *site) current() string {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(managedDir(s.o.DataDir), currentFile))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(raw))
}

// N3: an update installs the newest OpenClaw and a Node that it accepts, whatever is
// installed.
func TestN3_UpdateWithTheNodeItNeeds(t *testing.T) {
	s := newSite(t)
	old := s.must(DefaultOpenClawVersion)
	s.o.OpenClawVersion = Newest
	s.reg.engines = ">=24.16.0 <25"
	if r := s.must("2026.10.1"); r.NodeVersion != DefaultNodeVersion || s.reg.count("/"+nodePackage()+" ") != 0 {
		t.Errorf("Node %s; asked %q", r.NodeVersion, s.reg.requests)
	}

	s.reg.latest, s.reg.engines = "2026.11.1", ">=26.1.0"
	s.reg.nodes = []string{"24.21.0", "26.0.9", "26.10.0", "26.3.0", "28.0.0-rc.1"}
	s.node(strings.ReplaceAll(strings.ReplaceAll(stubNode, "v24.21.0", "v26.10.0"), ">=24.16.0 <25", ">=26.1.0"))
	r := s.must("2026.11.1")
	if r.NodeVersion != "26.10.0" || r.Dir == old.Dir {
		t.Errorf("%+v", r)
	}
	if got, _, err := Resolve(t.Context(), Search{Home: s.o.Home, DataDir: s.o.DataDir, Root: t.TempDir()}); err != nil || got.Version != "2026.11.1" {
		t.Errorf("Resolve: %+v, %v", got, err)
	}

	// Without a requested version, the newer one stays, and no registry is needed for that.
	s.o.OpenClawVersion = ""
	before := s.reg.count("/")
	if again := s.must("2026.11.1"); again.Dir != r.Dir || s.reg.count("/") != before {
		t.Errorf("went to %s, asked %q", again.Dir, s.reg.requests[before:])
	}
	// An outdated registry does not cause an older version.
	s.o.OpenClawVersion, s.reg.latest, s.reg.engines = Newest, "2026.10.1", ">=24.16.0 <25"
	if again := s.must("2026.11.1"); again.Dir != r.Dir {
		t.Errorf("went back to %s", again.Version)
	}
	// A registry without a suitable Node does not, either.
	s.reg.latest, s.reg.engines = "2026.12.1", ">=30"
	_, err := s.install(t.Context())
	s.kind(err, NotFound, "has no "+nodePackage()+" that fits")
	s.works("2026.11.1")
}

// N3: the registry may fail during an update.
func TestN3_UpdateFails(t *testing.T) {
	s := newSite(t)
	s.must(DefaultOpenClawVersion)
	s.o.OpenClawVersion = Newest
	for _, path := range []string{"/openclaw", "/npm", "/" + nodePackage()} {
		s.reg.answer(path, 500, "")
		_, err := s.install(t.Context())
		s.kind(err, Offline, "500")
		s.works(DefaultOpenClawVersion)
	}
	s.reg.answer("/openclaw", 404, "")
	_, err := s.install(t.Context())
	s.kind(err, NotFound, "")
	s.works(DefaultOpenClawVersion)
}

// N3: a runtime from which a program runs is not removed, and nothing else on the machine
// is ever removed.
func TestN3_RemoveRefusesWhileInUse(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("copies a Linux program")
	}
	s := newSite(t)
	r := s.must(DefaultOpenClawVersion)
	program, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.Node, program, 0o755); err != nil {
		t.Fatal(err)
	}
	gateway := exec.CommandContext(t.Context(), r.Node, "3600")
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	before := s.names()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.o.DataDir, link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{s.o.DataDir, link} {
		s.kind(Remove(t.Context(), dir), InUse, "a program still runs from it")
	}
	if after := s.names(); !slices.Equal(before, after) {
		t.Errorf("removed in part: %q of %q is left", after, before)
	}
	gateway.Process.Kill()
	gateway.Wait()
	if err := Remove(t.Context(), s.o.DataDir); err != nil {
		t.Fatal(err)
	}
	if got := s.names(); !slices.Equal(got, []string{"install.lock"}) {
		t.Errorf("left behind: %q", got)
	}
	_, err = Check(t.Context(), s.o)
	s.kind(err, NotInstalled, "")
}
