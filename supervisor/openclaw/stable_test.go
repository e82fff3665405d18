package openclaw

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// upgrades are package managers that keep each version in its own folder, behind links with
// constant names. Each row says how version v is installed, what is in PATH, and which name
// of openclaw.mjs stays valid.
var upgrades = map[string]struct {
	install func(m *machine, v string)
	remove  string // what the upgrade removes; VERSION means the version
	path    string
	entry   string
}{
	"Homebrew": {func(m *machine, v string) {
		keg := "/opt/homebrew/Cellar/openclaw/" + v
		m.openclaw(keg+"/libexec/lib/node_modules", v, engines)
		m.link(keg+"/bin/openclaw", "../libexec/lib/node_modules/openclaw/openclaw.mjs")
		m.relink("/opt/homebrew/opt/openclaw", "../Cellar/openclaw/"+v)
		m.relink("/opt/homebrew/bin/openclaw", "../Cellar/openclaw/"+v+"/bin/openclaw")
	}, "/opt/homebrew/Cellar/openclaw/VERSION", "/opt/homebrew/bin", "/opt/homebrew/opt/openclaw/libexec/lib/node_modules/openclaw/openclaw.mjs"},
	"Homebrew, a script": {func(m *machine, v string) {
		keg := "/opt/homebrew/Cellar/openclaw/" + v
		m.openclaw(keg+"/libexec/lib/node_modules", v, engines)
		m.file(keg+"/bin/openclaw", "#!/bin/bash\nexec node \""+m.at(keg)+"/libexec/lib/node_modules/openclaw/openclaw.mjs\" \"$@\"\n", 0o755)
		m.relink("/opt/homebrew/opt/openclaw", "../Cellar/openclaw/"+v)
		m.relink("/opt/homebrew/bin/openclaw", "../Cellar/openclaw/"+v+"/bin/openclaw")
	}, "/opt/homebrew/Cellar/openclaw/VERSION", "/opt/homebrew/bin", "/opt/homebrew/opt/openclaw/libexec/lib/node_modules/openclaw/openclaw.mjs"},
	"Nix": {func(m *machine, v string) {
		store := "/nix/store/abc" + v + "-openclaw"
		m.openclaw(store+"/lib/node_modules", v, engines)
		m.link(store+"/bin/openclaw", m.at(store+"/lib/node_modules/openclaw/openclaw.mjs"))
		m.relink(home+"/.local/state/nix/profile", m.at(store))
		m.relink(home+"/.nix-profile", m.at(home+"/.local/state/nix/profile"))
		for _, path := range []string{"/openclaw.mjs", "/package.json"} { // all files in the store have the same time
			if err := os.Chtimes(m.at(store+"/lib/node_modules/openclaw"+path), noTime.AddDate(1969, 0, 0), noTime.AddDate(1969, 0, 0)); err != nil {
				m.t.Fatal(err)
			}
		}
	}, "/nix/store/abcVERSION-openclaw", home + "/.nix-profile/bin", home + "/.nix-profile/lib/node_modules/openclaw/openclaw.mjs"},
	"pnpm": {func(m *machine, v string) {
		m.openclaw(home+"/.local/share/pnpm/global/5/.pnpm/openclaw@"+v+"/node_modules", v, engines)
		m.relink(home+"/.local/share/pnpm/global/5/node_modules/openclaw", "../.pnpm/openclaw@"+v+"/node_modules/openclaw")
		m.file(home+"/.local/share/pnpm/openclaw", "#!/bin/sh\nbasedir=$(dirname \"$0\")\nexec node  \"$basedir/global/5/node_modules/openclaw/openclaw.mjs\" \"$@\"\n", 0o755)
	}, home + "/.local/share/pnpm/global/5/.pnpm/openclaw@VERSION", home + "/.local/share/pnpm", home + "/.local/share/pnpm/global/5/node_modules/openclaw/openclaw.mjs"},
	"mise": {func(m *machine, v string) {
		tool := home + "/.local/share/mise/installs/npm-openclaw/"
		m.openclaw(tool+v+"/lib/node_modules", v, engines)
		m.link(tool+v+"/bin/openclaw", "../lib/node_modules/openclaw/openclaw.mjs")
		m.relink(tool+"latest", "./"+v)
	}, home + "/.local/share/mise/installs/npm-openclaw/VERSION", home + "/.local/share/mise/installs/npm-openclaw/2026.9.6/bin", home + "/.local/share/mise/installs/npm-openclaw/latest/lib/node_modules/openclaw/openclaw.mjs"},
}

// relink replaces a link.
func (m *machine) relink(path, target string) {
	os.Remove(m.at(path))
	m.link(path, target)
}

// XW5: paths that were found before an upgrade work after it, and the upgrade is noticed.
func TestXW5_PathsSurviveAnUpgrade(t *testing.T) {
	for name, u := range upgrades {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.node("/usr/bin/node", "24.21.0")
			u.install(m, "2026.9.6")
			m.path(u.path, "/usr/bin")
			s := m.search()
			s.CacheFile = m.at("/cache/runtime.json")
			r, trace, err := Resolve(t.Context(), s)
			if err != nil || r.Entry != m.at(u.entry) || r.Version != "2026.9.6" || r.Dir != filepath.Dir(r.Entry) {
				t.Fatalf("%+v, %v\nwant %s\n%v", r, err, m.at(u.entry), trace)
			}
			u.install(m, "2026.9.7")
			if err := os.RemoveAll(m.at(strings.Replace(u.remove, "VERSION", "2026.9.6", 1))); err != nil {
				t.Fatal(err)
			}
			if v, err := r.Installed(); v != "2026.9.7" || err != nil {
				t.Errorf("what was found is now %q, %v", v, err)
			}
			if again, _, err := Resolve(t.Context(), s); err != nil || again.Version != "2026.9.7" {
				t.Errorf("found %+v, %v", again, err)
			}
		})
	}
}

// XW5: a package to which another link leads by chance keeps its own path.
func TestXW5_PlainPathsStay(t *testing.T) {
	m := newMachine(t)
	m.node("/usr/bin/node", "24.21.0")
	m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
	m.link("/usr/bin/openclaw", "../lib/node_modules/openclaw/openclaw.mjs")
	m.link("/lib", "usr/lib")
	m.link("/bin", "usr/bin")
	m.path("/bin")
	r, trace, err := Resolve(t.Context(), m.search())
	if err != nil || r.Entry != m.at("/usr/lib/node_modules/openclaw/openclaw.mjs") {
		t.Errorf("%+v, %v\n%v", r, err, trace)
	}
}

// XW5: the folder of our own AppImage has another name at each start, so neither the search
// nor a gateway uses it.
func TestXW5_AppImage(t *testing.T) {
	m := newMachine(t)
	m.node("/usr/bin/node", "24.21.0")
	m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
	m.path("/tmp/.mount_clawXY/usr/bin", "/usr/bin")
	m.dir("/tmp/.mount_clawXY/usr/bin")
	m.set("APPDIR", "/tmp/.mount_clawXY")
	m.set("APPIMAGE", home+"/clawtray.AppImage")
	m.env = append(m.env, "ARGV0=clawtray", "OWD="+m.at(home))
	s := m.search()
	s.CacheFile = m.at("/cache/runtime.json")
	r, _, err := Resolve(t.Context(), s)
	if err != nil || strings.Contains(r.Path, ".mount_") {
		t.Errorf("PATH %s, %v", r.Path, err)
	}
	for _, entry := range r.Gateway(Launch{Env: s.Env}).Env {
		if key, value, _ := strings.Cut(entry, "="); strings.HasPrefix(key, "APP") || key == "ARGV0" || key == "OWD" || strings.Contains(value, ".mount_") {
			t.Errorf("the gateway gets %s", entry)
		}
	}
	s.Env = []string{"PATH=" + m.at("/tmp/.mount_clawZZ/usr/bin") + ":" + m.at("/usr/bin"), "APPDIR=" + m.at("/tmp/.mount_clawZZ"), "APPIMAGE=" + m.at(home+"/clawtray.AppImage")}
	if _, trace, err := Resolve(t.Context(), s); err != nil || !strings.Contains(trace.String(), "remembered") {
		t.Errorf("searched again at the next start: %v\n%v", err, trace)
	}
}

// XT13: a stamp changes with the time of a file, even when its size stays the same.
func TestXT13_StampHasTheTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := stamp(path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime().Add(1)); err != nil {
		t.Fatal(err)
	}
	if stamp(path) == before {
		t.Error("the time does not count")
	}
	before = stamp(path)
	if err := os.WriteFile(path, []byte("three"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime().Add(1)); err != nil {
		t.Fatal(err)
	}
	if stamp(path) == before {
		t.Error("the size does not count")
	}
	if stamp(path+"x") != "absent" {
		t.Error("absence has no stamp of its own")
	}
}
