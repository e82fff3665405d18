//go:build unix

package openclaw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// The runtime must work after an installer was killed. So these tests run the installer as
// another process: the test program itself, with its order in installerVar.
const installerVar = "CLAWTRAY_TEST_INSTALLER"

// order says what the installer process does.
type order struct {
	DataDir, Home, Version string
	KillAt                 int // it kills itself at this report of progress, from 1
}

func TestMain(m *testing.M) {
	if raw := os.Getenv(installerVar); raw != "" {
		os.Exit(install1(raw))
	}
	os.Exit(m.Run())
}

// install1 is the main function of the installer process. It returns the kind of the error,
// 0 without an error.
func install1(raw string) int {
	var o order
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		panic(err)
	}
	env := without(os.Environ(), func(key string) bool { return key == installerVar })
	reports := 0
	i, err := newInstaller(InstallOptions{DataDir: o.DataDir, Home: o.Home, Env: env, OpenClawVersion: o.Version, hashes: map[string]string{}, Progress: func(Progress) {
		if reports++; reports == o.KillAt {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})
	if err == nil {
		i.reg.delays = nil
		_, err = i.run(context.Background())
	}
	var failed *InstallError
	if errors.As(err, &failed) {
		fmt.Println(err)
		return int(failed.Kind)
	}
	return 0
}

// process returns an installer of this version on the site. It is not started.
func (s *site) process(version string, killAt int) *exec.Cmd {
	s.t.Helper()
	raw, err := json.Marshal(order{s.o.DataDir, s.o.Home, version, killAt})
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(s.t.Context(), os.Args[0])
	cmd.Env = append(slices.Clone(s.o.Env), installerVar+"="+string(raw))
	return cmd
}

// killed reports whether a process was killed.
func killed(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// updating returns a site with a runtime, on which an update is in progress.
func updating(t *testing.T) *site {
	s := newSite(t)
	s.o.OpenClawVersion = "2026.8.2"
	s.must("2026.8.2")
	s.o.OpenClawVersion = "2026.9.6"
	return s
}

// tidy checks that the update has succeeded and that no unfinished files are left.
func (s *site) tidy() {
	s.t.Helper()
	s.must("2026.9.6")
	if names := s.names(); slices.Contains(names, "downloads") || slices.Contains(names, "npm-cache") || len(s.versions()) > 2 {
		s.t.Errorf("left behind: %q", names)
	}
	if previous, err := os.ReadFile(filepath.Join(managedDir(s.o.DataDir), previousFile)); err != nil || !strings.HasPrefix(string(previous), "2026.8.2-") {
		s.t.Errorf("the one before is %q, %v", previous, err)
	}
}

// N3: the installer is killed at each of its steps, one after the other. The old runtime
// works until the new one does.
func TestN3_KilledAtEachStep(t *testing.T) {
	s := updating(t)
	at := 1
	for ; ; at++ {
		err := s.process("2026.9.6", at).Run()
		if err == nil {
			break
		}
		if !killed(err) || at > 100 {
			t.Fatalf("at report %d: %v", at, err)
		}
		s.works0("2026.8.2")
	}
	if at < 12 {
		t.Errorf("killed at %d steps only", at)
	}
	s.tidy()
}

// works0 is works during an unfinished installation, whose files may be there.
func (s *site) works0(version string) {
	s.t.Helper()
	c, err := Check(s.t.Context(), s.o)
	if err != nil || c.Runtime.Version != version {
		s.t.Fatalf("%+v, %v", c.Runtime, err)
	}
}

// N3: the installer is killed at any byte of the downloads. The received bytes are not
// lost.
func TestN3_KilledAtAnyByte(t *testing.T) {
	s := updating(t)
	seed := rand.Uint64()
	dice := rand.New(rand.NewPCG(seed, 0))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	var room atomic.Int64 // bytes that may still be sent
	var victim atomic.Pointer[os.Process]
	cut := func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/-/") {
			// Answer as the registry does, but only until the room is used up.
			http.ServeContent(&cutWriter{w, &room, &victim}, r, "", noTime, strings.NewReader(string(s.reg.tarballs[strings.Split(r.URL.Path, "/")[1]])))
			return true
		}
		return false
	}
	s.reg.change(func() { s.reg.fault = cut })
	size := int64(len(s.reg.tarballs[nodePackage()]) + len(s.reg.tarballs["npm"]))
	for n := range 12 {
		room.Store(1 + dice.Int64N(size/6))
		p := s.process("2026.9.6", 0)
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		victim.Store(p.Process)
		err := p.Wait()
		if err == nil {
			break // everything had arrived before
		}
		if !killed(err) {
			t.Fatalf("kill %d: %v", n, err)
		}
		s.works0("2026.8.2")
	}
	s.reg.change(func() { s.reg.fault = nil })
	s.tidy()
	if s.reg.count("bytes=") == 0 {
		t.Error("nothing was resumed")
	}
}

// cutWriter kills the installer when the room is used up.
type cutWriter struct {
	http.ResponseWriter
	room   *atomic.Int64
	victim *atomic.Pointer[os.Process]
}

func (w *cutWriter) Write(p []byte) (int, error) {
	for i := range p {
		if w.room.Add(-1) < 0 {
			w.ResponseWriter.(http.Flusher).Flush()
			w.victim.Load().Kill()
			return i, errors.New("cut")
		}
		if _, err := w.ResponseWriter.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// N3: the installer is killed while other programs work for it, and between the changes of
// the two pointers.
func TestN3_KilledInTheMiddle(t *testing.T) {
	for name, harm := range map[string]func(s *site){
		"before npm installs anything": func(s *site) { s.npm("kill -9 $PPID; sleep 1; exit 1") },
		"with half of the package there": func(s *site) {
			s.npm("while [ $# -gt 0 ]; do case $1 in --prefix) prefix=$2 ;; esac; shift; done\n" +
				"mkdir -p $prefix/node_modules/openclaw; echo half >$prefix/node_modules/openclaw/openclaw.mjs\nkill -9 $PPID; sleep 1; exit 1")
		},
		"while the new Node tells its version": func(s *site) {
			s.node(strings.Replace(stubNode, "--version) ", "--version) kill -9 $PPID; sleep 1; ", 1))
		},
		"while the new OpenClaw tells its version": func(s *site) {
			s.node(strings.Replace(stubNode, "*/openclaw.mjs) ", "*/openclaw.mjs) kill -9 $PPID; sleep 1; ", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := updating(t)
			node, npm := s.reg.tarballs[nodePackage()], s.reg.tarballs["npm"]
			harm(s)
			if err := s.process("2026.9.6", 0).Run(); !killed(err) {
				t.Fatalf("ended with %v", err)
			}
			s.works0("2026.8.2")
			s.reg.change(func() { s.reg.tarballs[nodePackage()], s.reg.tarballs["npm"] = node, npm })
			s.tidy()
		})
	}
	t.Run("between the pointers", func(t *testing.T) {
		s := updating(t)
		if err := os.WriteFile(filepath.Join(managedDir(s.o.DataDir), previousFile), []byte(s.current()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.works0("2026.8.2")
		s.tidy()
	})
}

// N3: one installer is killed while another waits for it. The other continues with the
// files of the first.
func TestN3_KilledWhileAnotherWaits(t *testing.T) {
	s := updating(t)
	half := len(s.reg.tarballs[nodePackage()]) / 2
	sent, waiting := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	stall := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/"+nodePackage()+"/-/") || !first.CompareAndSwap(false, true) {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(2*half))
		w.Write(s.reg.tarballs[nodePackage()][:half])
		w.(http.Flusher).Flush()
		close(sent)
		<-r.Context().Done()
		return true
	}
	s.reg.change(func() { s.reg.fault = stall })
	one := s.process("2026.9.6", 0)
	if err := one.Start(); err != nil {
		t.Fatal(err)
	}
	<-sent
	o := s.o
	o.Progress = func(p Progress) {
		if p.Step == "Waiting for another installation to end" {
			close(waiting)
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := Install(t.Context(), o)
		done <- err
	}()
	<-waiting
	s.works0("2026.8.2")
	one.Process.Kill()
	if err := one.Wait(); !killed(err) {
		t.Errorf("the first ended with %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.tidy()
}

// N3: the error says when a home cannot be written, and the installed runtime there still
// works. Root may write everywhere, so the installer runs as another user.
func TestN3_ReadOnlyHome(t *testing.T) {
	s := updating(t)
	frozen := managedDir(s.o.DataDir)
	if err := os.Chmod(frozen, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(frozen, 0o755) })
	p := s.process("2026.9.6", 0)
	if os.Getuid() == 0 {
		p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		program, err := os.ReadFile(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		p.Path = filepath.Join(t.TempDir(), "installer")
		if err := os.WriteFile(p.Path, program, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{filepath.Dir(p.Path), frozen, s.o.Home} {
			for ; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.Dir = "/"
		if err := os.Chown(frozen, 65534, 65534); err != nil { // the folder belongs to that user
			t.Fatal(err)
		}
	}
	out, ended := p.CombinedOutput()
	if err := os.Chown(frozen, os.Getuid(), os.Getgid()); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if !errors.As(ended, &exit) || InstallKind(exit.ExitCode()) != NotWritable || !strings.Contains(string(out), "Make the folder writable for you") {
		t.Errorf("ended with %v: %s", ended, out)
	}
	s.works0("2026.8.2")
}

// N3: a download over a slow connection reports its progress.
func TestN3_ProgressOfADownload(t *testing.T) {
	s := newSite(t)
	s.reg.tarballs[nodePackage()] = pack(t, entry{name: "package/bin/node", content: stubNode}, entry{name: "package/README.md", content: noise(3 << 20)})
	var reports []Progress
	s.o.Progress = func(p Progress) {
		if strings.HasPrefix(p.Step, "Downloading Node") && p.Total > 0 {
			reports = append(reports, p)
		}
	}
	s.must(DefaultOpenClawVersion)
	size := int64(len(s.reg.tarballs[nodePackage()]))
	rising := slices.IsSortedFunc(reports, func(a, b Progress) int { return int(a.Bytes - b.Bytes) })
	if len(reports) < int(size/(2*progressStep)) || !rising || reports[len(reports)-1] != (Progress{Step: "Downloading Node 24.21.0", Of: "Node 24.21.0", Bytes: size, Total: size}) {
		t.Errorf("%d reports for %d bytes, rising %v: %+v", len(reports), size, rising, reports)
	}
}
