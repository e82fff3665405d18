package openclaw

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

const (
	home    = "/home/u"
	engines = ">=24.16.0 <25 || >=26.1.0" // the range of OpenClaw 2026.9.6
)

// machine is a made-up computer: folders, stub programs and an environment below a temporary root.
type machine struct {
	t    testing.TB
	root string
	env  []string
}

func newMachine(t testing.TB) *machine {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, root: root}
	m.dir(home)
	return m
}

// at returns the real path of a path on the made-up machine.
func (m *machine) at(path string) string { return filepath.Join(m.root, path) }

func (m *machine) dir(path string) {
	if err := os.MkdirAll(m.at(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) file(path, content string, mode os.FileMode) {
	m.dir(filepath.Dir(path))
	if err := os.WriteFile(m.at(path), []byte(content), mode); err != nil {
		m.t.Fatal(err)
	}
}

// node creates a stub Node at path. It is a script like a shim, so the search asks it for
// its real path.
func (m *machine) node(path, version string) { m.shim(path, version, m.at(path)) }

// shim creates a Node that names another path as its real one.
func (m *machine) shim(path, version, real string) {
	m.file(path, fmt.Sprintf("#!/bin/sh\ncase $1 in -p) echo 'v%[1]s %[2]s';; *) echo v%[1]s;; esac\n", version, real), 0o755)
}

// openclaw creates the package in this node_modules folder.
func (m *machine) openclaw(modules, version, engines string) {
	dir := filepath.Join(modules, "openclaw")
	m.file(filepath.Join(dir, "package.json"), fmt.Sprintf(`{"name":"openclaw","version":%q,"engines":{"node":%q}}`, version, engines), 0o644)
	m.file(filepath.Join(dir, "openclaw.mjs"), "#!/usr/bin/env node\n// stub\n", 0o755)
}

func (m *machine) link(path, target string) {
	m.dir(filepath.Dir(path))
	if err := os.Symlink(target, m.at(path)); err != nil {
		m.t.Fatal(err)
	}
}

// managed creates a managed runtime.
func (m *machine) managed(nodeVersion, version string) {
	m.node("/data/runtime/v1/node/bin/node", nodeVersion)
	m.openclaw("/data/runtime/v1/openclaw/node_modules", version, engines)
	m.file("/data/runtime/current", "v1\n", 0o600)
}

// set sets a variable to a path on the machine; a value that is not a path is used
// unchanged.
func (m *machine) set(key, value string) {
	if filepath.IsAbs(value) {
		value = m.at(value)
	}
	m.env = append(m.env, key+"="+value)
}

// path sets PATH.
func (m *machine) path(dirs ...string) {
	list := ""
	for _, dir := range dirs {
		if list != "" {
			list += string(filepath.ListSeparator)
		}
		list += m.at(dir)
	}
	m.env = append(m.env, "PATH="+list)
}

// shell creates a login shell with this PATH.
func (m *machine) shell(script string) {
	m.file("/bin/testsh", "#!/bin/sh\n"+script+"\n", 0o755)
	m.set("SHELL", "/bin/testsh")
}

func (m *machine) search() Search {
	return Search{Home: m.at(home), DataDir: m.at("/data"), Env: m.env, Root: m.root, OS: "linux"}
}
