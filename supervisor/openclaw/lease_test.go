package openclaw

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// sleeper starts a process that represents a Gateway until the test ends or stop is called.
func sleeper(t *testing.T, program string) (pid int, stop func()) {
	t.Helper()
	cmd := exec.Command(program, "3600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := false
	stop = func() {
		if !done {
			done = true
			cmd.Process.Kill()
			cmd.Wait()
		}
	}
	t.Cleanup(stop)
	return cmd.Process.Pid, stop
}

// XW2: after several updates without a restart, the version from which a Gateway runs is
// still there, whichever Node runs it, until that process has ended.
func TestXW2_UpdatesWhileAGatewayRuns(t *testing.T) {
	for _, by := range []string{"the managed Node", "another Node", "another Node with the managed one at its side"} {
		t.Run(by, func(t *testing.T) {
			s := newSite(t)
			first := s.must(DefaultOpenClawVersion)
			dir := s.current()
			program := "/bin/sleep"
			if by == "the managed Node" {
				if runtime.GOOS != "linux" {
					t.Skip("copies a Linux program")
				}
				raw, err := os.ReadFile(program)
				if err == nil {
					err = os.WriteFile(first.Node, raw, 0o755)
				}
				if err != nil {
					t.Fatal(err)
				}
				program = first.Node
			} else if by == "another Node" {
				first.Node = program
			} else {
				first.Entry = "/nonexistent"
			}
			pid, stop := sleeper(t, program)
			if by != "the managed Node" {
				if err := first.Lease(s.o.DataDir, pid); err != nil {
					t.Fatal(err)
				}
			}
			update := func() {
				for _, version := range []string{"2026.10.1", "2026.11.1", "2026.12.1"} {
					s.o.OpenClawVersion = version
					s.must(version)
				}
			}
			update()
			if !exists(filepath.Join(managedDir(s.o.DataDir), dir, "node")) {
				t.Errorf("the version that is in use was removed; left: %q", s.versions())
			}
			s.kind(Remove(t.Context(), s.o.DataDir), InUse, strconv.Itoa(pid))
			stop()
			s.o.OpenClawVersion = "2027.1.1"
			s.must("2027.1.1")
			if got := s.versions(); len(got) != 2 {
				t.Errorf("kept %q after the end of the process", got)
			}
			if err := Remove(t.Context(), s.o.DataDir); err != nil {
				t.Error(err)
			}
		})
	}
}

// XW2: a lease ends with its process, also when another process gets the same id. Leases do
// not count as damage of the installation, and an unmanaged runtime gets none.
func TestXW2_Leases(t *testing.T) {
	s := newSite(t)
	r := s.must(DefaultOpenClawVersion)
	dir := filepath.Join(managedDir(s.o.DataDir), s.current(), leasesDir)
	if err := r.Lease(s.o.DataDir, os.Getpid()); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(dir, strconv.Itoa(os.Getpid()))
	if lessee(own) != int32(os.Getpid()) {
		t.Error("our own lease is not good")
	}
	for name, content := range map[string]string{"1": "5\n", "x": "5\n", "99999999": "5\n", "2": "garbage"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if pid := lessee(filepath.Join(dir, name)); pid != 0 {
			t.Errorf("lease %s with %q is good for %d", name, content, pid)
		}
	}
	pid, stop := sleeper(t, "/bin/sleep")
	if err := r.Lease(s.o.DataDir, pid); err != nil { // removes leases of ended processes
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
	s.works(DefaultOpenClawVersion)
	stop()
	if err := r.Lease(s.o.DataDir, pid); err == nil {
		t.Error("a lease for a process that is gone")
	}
	if err := (Runtime{Node: "/usr/bin/node", Entry: "/usr/lib/x/openclaw.mjs"}).Lease(s.o.DataDir, os.Getpid()); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(managedDir(s.o.DataDir)); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
}
