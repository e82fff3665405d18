package openclaw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// layout is one kind of machine, with the expected choice and its reason.
type layout struct {
	name  string
	build func(m *machine, s *Search)

	node, nodeFrom string // expected path and source
	entry, from    string // expected node_modules folder of openclaw, and source

	kind  MissingKind // the expected kind of error, if there is no choice
	says  string      // a part of the expected error
	trace string      // a part of the expected trace
}

var layouts = []layout{
	{name: "npm -g in usr local",
		build: func(m *machine, s *Search) {
			m.node("/usr/local/bin/node", "24.21.0")
			m.openclaw("/usr/local/lib/node_modules", "2026.9.6", engines)
			m.link("/usr/local/bin/openclaw", "../lib/node_modules/openclaw/openclaw.mjs")
			m.path("/usr/local/bin", "/usr/bin")
		},
		node: "/usr/local/bin/node", nodeFrom: "PATH", entry: "/usr/local/lib/node_modules", from: "PATH"},
	{name: "same machine, login PATH",
		build: func(m *machine, s *Search) {
			m.node("/usr/local/bin/node", "24.21.0")
			m.openclaw("/usr/local/lib/node_modules", "2026.9.6", engines)
			m.path("/usr/bin", "/bin")
		},
		node: "/usr/local/bin/node", nodeFrom: "beside OpenClaw", entry: "/usr/local/lib/node_modules", from: "system",
		trace: "absent   openclaw PATH"},
	{name: "PATH is empty and unset",
		build: func(m *machine, s *Search) { m.managed("24.21.0", "2026.9.6") },
		node:  "/data/runtime/v1/node/bin/node", nodeFrom: "beside OpenClaw",
		entry: "/data/runtime/v1/openclaw/node_modules", from: "managed"},
	{name: "nothing at all",
		build: func(m *machine, s *Search) {},
		kind:  OpenClawMissing, says: `OpenClaw is not installed, or not where clawtray looks. Run "clawtray install"`,
		trace: "absent   search   nvm"},
	{name: "Node but no OpenClaw",
		build: func(m *machine, s *Search) { m.node("/usr/bin/node", "24.21.0"); m.path("/usr/bin") },
		kind:  OpenClawMissing},
	{name: "Node but no OpenClaw, for doctor",
		build: func(m *machine, s *Search) { m.node("/usr/bin/node", "24.21.0"); s.Thorough = true },
		kind:  OpenClawMissing, trace: "ROOT/usr/bin/node  24.21.0: no OpenClaw to run with it"},
	{name: "OpenClaw but no Node",
		build: func(m *machine, s *Search) { m.openclaw("/usr/lib/node_modules", "2026.9.6", engines) },
		kind:  NodeMissing, says: "OpenClaw 2026.9.6 needs Node 26.1 or newer, or 24.16 or newer 24.x; no Node was found."},
	{name: "P22 only a too old Node",
		build: func(m *machine, s *Search) {
			m.node("/usr/bin/node", "22.22.3")
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
			m.path("/usr/bin")
		},
		kind: NodeTooOld, says: "OpenClaw 2026.9.6 needs Node 26.1 or newer, or 24.16 or newer 24.x; too old: 22.22.3 at ROOT/usr/bin/node."},
	{name: "P22 too new within the gap",
		build: func(m *machine, s *Search) {
			m.node("/usr/bin/node", "25.9.0")
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
		},
		kind: NodeUnsupported, says: "not supported: 25.9.0"},
	{name: "XW4 between two ranges",
		build: func(m *machine, s *Search) {
			m.node("/usr/bin/node", "23.11.1")
			m.openclaw("/usr/lib/node_modules", "2026.8.2", ">=22.22.3 <23 || >=24.15 <25")
		},
		kind: NodeUnsupported, says: "OpenClaw 2026.8.2 needs Node 24.15 or newer 24.x, or 22.22.3 or newer 22.x; not supported: 23.11.1 at ROOT/usr/bin/node."},
	{name: "XW4 one too old and one too new",
		build: func(m *machine, s *Search) {
			m.node("/usr/local/bin/node", "20.1.0")
			m.node("/usr/bin/node", "25.1.0")
			m.openclaw("/usr/lib/node_modules", "2026.8.2", ">=22.22.3 <23 || >=24.15 <25")
		},
		kind: NodeUnsupported, says: "not supported: 25.1.0 at ROOT/usr/bin/node, 20.1.0 at ROOT/usr/local/bin/node."},
	{name: "only a too old Node plus the managed one",
		build: func(m *machine, s *Search) {
			m.node("/usr/bin/node", "20.20.2")
			m.path("/usr/bin")
			m.managed("24.21.0", "2026.9.6")
		},
		node: "/data/runtime/v1/node/bin/node", nodeFrom: "beside OpenClaw", entry: "/data/runtime/v1/openclaw/node_modules", from: "managed"},
	{name: "the user's OpenClaw with the managed Node",
		build: func(m *machine, s *Search) {
			m.node("/usr/bin/node", "20.20.2")
			m.openclaw("/usr/lib/node_modules", "2026.8.2", engines)
			m.link("/usr/bin/openclaw", "../lib/node_modules/openclaw/openclaw.mjs")
			m.path("/usr/bin")
			m.managed("24.21.0", "2026.9.6")
		},
		node: "/data/runtime/v1/node/bin/node", nodeFrom: "managed", entry: "/usr/lib/node_modules", from: "PATH",
		trace: "20.20.2: OpenClaw 2026.8.2 needs Node"},
	{name: "a working pair is not hidden by an OpenClaw no Node fits",
		build: func(m *machine, s *Search) {
			m.openclaw("/usr/lib/node_modules", "2027.1.1", ">=30")
			m.link("/usr/bin/openclaw", "../lib/node_modules/openclaw/openclaw.mjs")
			m.path("/usr/bin")
			m.managed("24.21.0", "2026.9.6")
		},
		node: "/data/runtime/v1/node/bin/node", nodeFrom: "beside OpenClaw", entry: "/data/runtime/v1/openclaw/node_modules", from: "managed",
		trace: "no Node found that it accepts (>=30)"},
	{name: "nvm, newest in range",
		build: func(m *machine, s *Search) {
			for _, v := range []string{"9.11.2", "24.16.0", "24.9.0", "24.21.0", "25.1.0", "22.22.3"} {
				m.node(home+"/.nvm/versions/node/v"+v+"/bin/node", v)
			}
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
		},
		node: home + "/.nvm/versions/node/v24.21.0/bin/node", nodeFrom: "nvm", entry: "/usr/lib/node_modules", from: "npm -g",
		trace: "25.1.0: OpenClaw 2026.9.6 needs Node >=24.16.0 <25 || >=26.1.0"},
	{name: "nvm at a login, OpenClaw by its npm -g",
		build: func(m *machine, s *Search) {
			m.node("/usr/bin/node", "18.20.0")
			m.node(home+"/.nvm/versions/node/v24.21.0/bin/node", "24.21.0")
			m.openclaw(home+"/.nvm/versions/node/v24.21.0/lib/node_modules", "2026.9.6", engines)
			m.path("/usr/bin", "/bin")
		},
		node: home + "/.nvm/versions/node/v24.21.0/bin/node", nodeFrom: "beside OpenClaw",
		entry: home + "/.nvm/versions/node/v24.21.0/lib/node_modules", from: "nvm"},
	{name: "nvm elsewhere by NVM_DIR",
		build: func(m *machine, s *Search) {
			m.set("NVM_DIR", "/opt/nvm")
			m.node("/opt/nvm/versions/node/v24.21.0/bin/node", "24.21.0")
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
		},
		node: "/opt/nvm/versions/node/v24.21.0/bin/node", nodeFrom: "nvm", entry: "/usr/lib/node_modules", from: "npm -g"},
	{name: "fnm",
		build: func(m *machine, s *Search) {
			m.node(home+"/.local/share/fnm/node-versions/v24.21.0/installation/bin/node", "24.21.0")
			m.openclaw(home+"/.local/share/fnm/node-versions/v24.21.0/installation/lib/node_modules", "2026.9.6", engines)
		},
		node: home + "/.local/share/fnm/node-versions/v24.21.0/installation/bin/node", nodeFrom: "beside OpenClaw",
		entry: home + "/.local/share/fnm/node-versions/v24.21.0/installation/lib/node_modules", from: "fnm"},
	{name: "volta, whose shim is not Node itself",
		build: func(m *machine, s *Search) {
			m.node(home+"/.volta/tools/image/node/24.21.0/bin/node", "24.21.0")
			m.shim(home+"/.volta/bin/volta-shim", "24.21.0", m.at(home+"/.volta/tools/image/node/24.21.0/bin/node"))
			m.link(home+"/.volta/bin/node", "volta-shim")
			m.link(home+"/.volta/bin/openclaw", "volta-shim")
			m.openclaw(home+"/.volta/tools/image/packages/openclaw/lib/node_modules", "2026.9.6", engines)
			m.path(home + "/.volta/bin")
		},
		node: home + "/.volta/tools/image/node/24.21.0/bin/node", nodeFrom: "PATH",
		entry: home + "/.volta/tools/image/packages/openclaw/lib/node_modules", from: "volta",
		trace: "it does not name an openclaw.mjs"},
	{name: "asdf, shims that are scripts",
		build: func(m *machine, s *Search) {
			m.node(home+"/.asdf/installs/nodejs/24.21.0/bin/node", "24.21.0")
			m.shim(home+"/.asdf/shims/node", "24.21.0", m.at(home+"/.asdf/installs/nodejs/24.21.0/bin/node"))
			m.file(home+"/.asdf/shims/openclaw", "#!/bin/sh\nexec asdf exec openclaw \"$@\"\n", 0o755)
			m.openclaw(home+"/.asdf/installs/nodejs/24.21.0/lib/node_modules", "2026.9.6", engines)
			m.path(home + "/.asdf/shims")
		},
		node: home + "/.asdf/installs/nodejs/24.21.0/bin/node", nodeFrom: "beside OpenClaw",
		entry: home + "/.asdf/installs/nodejs/24.21.0/lib/node_modules", from: "asdf"},
	{name: "asdf's shim is not the Node to spawn",
		build: func(m *machine, s *Search) {
			m.node(home+"/.asdf/installs/nodejs/24.21.0/bin/node", "24.21.0")
			m.shim(home+"/.asdf/shims/node", "24.21.0", m.at(home+"/.asdf/installs/nodejs/24.21.0/bin/node"))
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
			m.path(home + "/.asdf/shims")
		},
		node: home + "/.asdf/installs/nodejs/24.21.0/bin/node", nodeFrom: "PATH", entry: "/usr/lib/node_modules", from: "npm -g"},
	{name: "relative folders in PATH mean nothing at a login",
		build: func(m *machine, s *Search) {
			m.env = append(m.env, "PATH=.:bin::"+m.at("/usr/bin"))
			m.node("/usr/bin/node", "24.21.0")
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
		},
		node: "/usr/bin/node", nodeFrom: "beside OpenClaw", entry: "/usr/lib/node_modules", from: "system",
		trace: "absent   openclaw PATH  ROOT/usr/bin\n"},
	{name: "mise, OpenClaw as a mise tool",
		build: func(m *machine, s *Search) {
			m.node(home+"/.local/share/mise/installs/node/24.21.0/bin/node", "24.21.0")
			m.openclaw(home+"/.local/share/mise/installs/npm-openclaw/2026.9.6/lib/node_modules", "2026.9.6", engines)
		},
		node: home + "/.local/share/mise/installs/node/24.21.0/bin/node", nodeFrom: "mise",
		entry: home + "/.local/share/mise/installs/npm-openclaw/2026.9.6/lib/node_modules", from: "mise"},
	{name: "n",
		build: func(m *machine, s *Search) {
			m.node("/usr/local/n/versions/node/24.21.0/bin/node", "24.21.0")
			m.openclaw("/usr/local/lib/node_modules", "2026.9.6", engines)
		},
		node: "/usr/local/n/versions/node/24.21.0/bin/node", nodeFrom: "n", entry: "/usr/local/lib/node_modules", from: "npm -g"},
	{name: "nodenv",
		build: func(m *machine, s *Search) {
			m.node(home+"/.nodenv/versions/26.2.0/bin/node", "26.2.0")
			m.openclaw(home+"/.nodenv/versions/26.2.0/lib/node_modules", "2026.9.6", engines)
		},
		node: home + "/.nodenv/versions/26.2.0/bin/node", nodeFrom: "beside OpenClaw",
		entry: home + "/.nodenv/versions/26.2.0/lib/node_modules", from: "nodenv"},
	{name: "Homebrew on a Mac, login PATH, keg-only Node",
		build: func(m *machine, s *Search) {
			s.OS = "darwin"
			m.node("/opt/homebrew/bin/node", "25.2.0")
			m.node("/opt/homebrew/opt/node@24/bin/node", "24.21.0")
			m.openclaw("/opt/homebrew/lib/node_modules", "2026.9.6", engines)
			m.path("/usr/bin", "/bin", "/usr/sbin", "/sbin")
		},
		node: "/opt/homebrew/opt/node@24/bin/node", nodeFrom: "Homebrew", entry: "/opt/homebrew/lib/node_modules", from: "npm -g"},
	{name: "Debian's Node and pnpm's OpenClaw behind a shell script",
		build: func(m *machine, s *Search) {
			m.node("/usr/bin/node", "24.21.0")
			m.openclaw(home+"/.local/share/pnpm/global/5/node_modules", "2026.9.6", engines)
			m.file(home+"/.local/share/pnpm/openclaw", "#!/bin/sh\nbasedir=$(dirname \"$0\")\nexec node  \"$basedir/global/5/node_modules/openclaw/openclaw.mjs\" \"$@\"\n", 0o755)
			m.path(home+"/.local/share/pnpm", "/usr/bin")
		},
		node: "/usr/bin/node", nodeFrom: "PATH", entry: home + "/.local/share/pnpm/global/5/node_modules", from: "PATH"},
	{name: "pnpm at a login",
		build: func(m *machine, s *Search) {
			m.node("/usr/bin/node", "24.21.0")
			m.openclaw(home+"/.local/share/pnpm/global/5/node_modules", "2026.9.6", engines)
			m.path("/usr/bin")
		},
		node: "/usr/bin/node", nodeFrom: "PATH", entry: home + "/.local/share/pnpm/global/5/node_modules", from: "pnpm"},
	{name: "bun",
		build: func(m *machine, s *Search) {
			m.node("/usr/bin/node", "24.21.0")
			m.openclaw(home+"/.bun/install/global/node_modules", "2026.9.6", engines)
			m.path("/usr/bin")
		},
		node: "/usr/bin/node", nodeFrom: "PATH", entry: home + "/.bun/install/global/node_modules", from: "bun"},
	{name: "project folder",
		build: func(m *machine, s *Search) {
			s.ProjectDir = m.at(home + "/projects/bot")
			m.node("/usr/bin/node", "24.21.0")
			m.openclaw(home+"/projects/bot/node_modules", "2026.9.6", engines)
		},
		node: "/usr/bin/node", nodeFrom: "system", entry: home + "/projects/bot/node_modules", from: "project folder"},
	{name: "OpenClaw's own installer",
		build: func(m *machine, s *Search) {
			m.node(home+"/.openclaw/tools/node-v24.21.0/bin/node", "24.21.0")
			m.openclaw(home+"/.openclaw/lib/node_modules", "2026.9.6", engines)
		},
		node: home + "/.openclaw/tools/node-v24.21.0/bin/node", nodeFrom: "OpenClaw's installer",
		entry: home + "/.openclaw/lib/node_modules", from: "OpenClaw's installer"},
	{name: "snap, a launcher",
		build: func(m *machine, s *Search) {
			m.node("/snap/node/9001/bin/node", "24.21.0")
			m.shim("/usr/bin/snap", "24.21.0", m.at("/snap/node/9001/bin/node"))
			m.link("/snap/bin/node", "../../usr/bin/snap")
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
			m.path("/snap/bin")
		},
		node: "/snap/node/9001/bin/node", nodeFrom: "PATH", entry: "/usr/lib/node_modules", from: "npm -g"},
	{name: "P7 the login shell knows, among noise",
		build: func(m *machine, s *Search) {
			m.node("/strange/place/bin/node", "24.21.0")
			m.openclaw("/strange/place/lib/node_modules", "2026.9.6", engines)
			m.link("/strange/place/bin/openclaw", "../lib/node_modules/openclaw/openclaw.mjs")
			m.shell("echo Welcome; echo PATH=/nonsense; PATH=" + m.at("/strange/place/bin") + "; export PATH; shift; /bin/sh -c \"$1\"")
			m.path("/usr/bin")
		},
		node: "/strange/place/bin/node", nodeFrom: "login shell", entry: "/strange/place/lib/node_modules", from: "login shell",
		trace: "PATH     login shell"},
	{name: "the login shell fails",
		build: func(m *machine, s *Search) {
			m.shell("exit 1")
			m.managed("24.21.0", "2026.9.6")
		},
		node: "/data/runtime/v1/node/bin/node", nodeFrom: "beside OpenClaw", entry: "/data/runtime/v1/openclaw/node_modules", from: "managed",
		trace: "did not tell its PATH: exit status 1"},
	{name: "the login shell leaves something in the background",
		build: func(m *machine, s *Search) {
			m.node("/strange/bin/node", "24.21.0")
			m.openclaw("/strange/lib/node_modules", "2026.9.6", engines)
			m.shell("/bin/sleep 10 & PATH=" + m.at("/strange/bin") + "; export PATH; /bin/sh -c \"$2\"")
			s.ProjectDir = m.at("/strange/lib")
		},
		node: "/strange/bin/node", nodeFrom: "login shell", entry: "/strange/lib/node_modules", from: "project folder"},
	{name: "P7 the login shell hangs",
		build: func(m *machine, s *Search) {
			m.shell("exec /bin/sleep 3600")
			m.managed("24.21.0", "2026.9.6")
		},
		node: "/data/runtime/v1/node/bin/node", nodeFrom: "beside OpenClaw", entry: "/data/runtime/v1/openclaw/node_modules", from: "managed",
		trace: "no answer within 3s"},
	{name: "OPENCLAW_NODE before PATH",
		build: func(m *machine, s *Search) {
			m.node("/mine/node", "26.1.0")
			m.set("OPENCLAW_NODE", "/mine/node")
			m.node("/usr/bin/node", "24.21.0")
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
			m.path("/usr/bin")
		},
		node: "/mine/node", nodeFrom: "OPENCLAW_NODE", entry: "/usr/lib/node_modules", from: "system"},
	{name: "OPENCLAW_NODE points nowhere",
		build: func(m *machine, s *Search) {
			m.set("OPENCLAW_NODE", "/gone/node")
			m.node("/usr/bin/node", "24.21.0")
			m.openclaw("/opt/openclaw/node_modules", "2026.9.6", engines)
			m.link("/usr/bin/openclaw", m.at("/opt/openclaw/node_modules/openclaw/openclaw.mjs"))
			m.path("/usr/bin")
		},
		node: "/usr/bin/node", nodeFrom: "PATH", entry: "/opt/openclaw/node_modules", from: "PATH",
		trace: "ROOT/gone/node: ROOT/gone/node does not exist"},
	{name: "configured wins",
		build: func(m *machine, s *Search) {
			m.node("/usr/bin/node", "24.21.0")
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
			m.path("/usr/bin")
			m.node("/mine/node", "26.1.0")
			m.openclaw("/mine/node_modules", "2026.8.2", engines)
			s.NodePath, s.EntryPath = m.at("/mine/node"), m.at("/mine/node_modules/openclaw")
		},
		node: "/mine/node", nodeFrom: "configured", entry: "/mine/node_modules", from: "configured"},
	{name: "configured Node is gone",
		build: func(m *machine, s *Search) { s.NodePath = m.at("/gone/node"); m.managed("24.21.0", "2026.9.6") },
		kind:  ConfiguredUnusable, says: "The configured Node ROOT/gone/node cannot be used: ROOT/gone/node does not exist. Correct the setting"},
	{name: "configured Node is too old",
		build: func(m *machine, s *Search) {
			m.node("/mine/node", "22.22.3")
			s.NodePath = m.at("/mine/node")
			m.managed("24.21.0", "2026.9.6")
		},
		kind: ConfiguredUnusable, says: "needs Node >=24.16.0"},
	{name: "configured OpenClaw is gone",
		build: func(m *machine, s *Search) {
			s.EntryPath = m.at("/gone/openclaw.mjs")
			m.managed("24.21.0", "2026.9.6")
		},
		kind: ConfiguredUnusable, says: "ROOT/gone/openclaw.mjs does not exist"},
	{name: "configured OpenClaw is relative",
		build: func(m *machine, s *Search) { s.EntryPath = "openclaw.mjs"; m.managed("24.21.0", "2026.9.6") },
		kind:  ConfiguredUnusable, says: "it is not an absolute path"},
	{name: "a Node that does not answer with a version",
		build: func(m *machine, s *Search) {
			m.file("/usr/bin/node", "#!/bin/sh\necho node is hungry\n", 0o755)
			m.path("/usr/bin")
			m.managed("24.21.0", "2026.9.6")
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
		},
		node: "/data/runtime/v1/node/bin/node", nodeFrom: "managed", entry: "/usr/lib/node_modules", from: "system",
		trace: `it said "node is hungry"`},
	{name: "another program called openclaw",
		build: func(m *machine, s *Search) {
			m.file("/usr/bin/openclaw", "#!/bin/sh\necho Captain Claw\n", 0o755)
			m.path("/usr/bin")
			m.managed("24.21.0", "2026.9.6")
		},
		node: "/data/runtime/v1/node/bin/node", nodeFrom: "beside OpenClaw", entry: "/data/runtime/v1/openclaw/node_modules", from: "managed",
		trace: "rejected openclaw PATH  ROOT/usr/bin/openclaw: it does not name an openclaw.mjs"},
	{name: "a damaged package.json",
		build: func(m *machine, s *Search) {
			m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
			m.file("/usr/lib/node_modules/openclaw/package.json", "{", 0o644)
			m.managed("24.21.0", "2026.9.6")
		},
		node: "/data/runtime/v1/node/bin/node", nodeFrom: "beside OpenClaw", entry: "/data/runtime/v1/openclaw/node_modules", from: "managed",
		trace: "its package.json is damaged"},
	{name: "a managed runtime that lost its Node",
		build: func(m *machine, s *Search) {
			m.managed("24.21.0", "2026.9.6")
			if err := os.Remove(m.at("/data/runtime/v1/node/bin/node")); err != nil {
				m.t.Fatal(err)
			}
		},
		kind: OpenClawMissing, trace: `the managed runtime is incomplete (ROOT/data/runtime/v1/node/bin/node does not exist)`},
	{name: "a managed pointer that leads out",
		build: func(m *machine, s *Search) {
			m.managed("24.21.0", "2026.9.6")
			m.file("/data/runtime/current", "../runtime/v1\n", 0o600)
		},
		kind: OpenClawMissing, trace: "names no version"},
	{name: "Windows installer and npm -g",
		build: func(m *machine, s *Search) {
			s.OS = "windows"
			m.set("ProgramFiles", "/Program Files")
			m.set("APPDATA", home+"/AppData/Roaming")
			m.node("/Program Files/nodejs/node.exe", "24.21.0")
			m.openclaw(home+"/AppData/Roaming/npm/node_modules", "2026.9.6", engines)
		},
		node: "/Program Files/nodejs/node.exe", nodeFrom: "Node installer", entry: home + "/AppData/Roaming/npm/node_modules", from: "npm -g"},
	{name: "Windows, npm's .cmd on PATH",
		build: func(m *machine, s *Search) {
			s.OS = "windows"
			m.node("/Program Files/nodejs/node.exe", "24.21.0")
			m.openclaw(home+"/AppData/Roaming/npm/node_modules", "2026.9.6", engines)
			m.file(home+"/AppData/Roaming/npm/openclaw.cmd", "@ECHO off\r\nendLocal & goto #_undefined_# 2>NUL || title %COMSPEC% & \"%_prog%\"  \"%dp0%\\node_modules\\openclaw\\openclaw.mjs\" %*\r\n", 0o644)
			m.path("/Program Files/nodejs", home+"/AppData/Roaming/npm")
		},
		node: "/Program Files/nodejs/node.exe", nodeFrom: "PATH", entry: home + "/AppData/Roaming/npm/node_modules", from: "PATH"},
	{name: "Windows, scoop",
		build: func(m *machine, s *Search) {
			s.OS = "windows"
			m.node(home+"/scoop/apps/nodejs-lts/current/node.exe", "24.21.0")
			m.openclaw(home+"/scoop/persist/nodejs/bin/node_modules", "2026.9.6", engines)
		},
		node: home + "/scoop/apps/nodejs-lts/current/node.exe", nodeFrom: "scoop", entry: home + "/scoop/persist/nodejs/bin/node_modules", from: "npm -g"},
	{name: "Windows, managed only",
		build: func(m *machine, s *Search) {
			s.OS = "windows"
			m.node("/data/runtime/v1/node/node.exe", "24.21.0")
			m.openclaw("/data/runtime/v1/openclaw/node_modules", "2026.9.6", engines)
			m.file("/data/runtime/current", "v1\n", 0o600)
		},
		node: "/data/runtime/v1/node/node.exe", nodeFrom: "beside OpenClaw", entry: "/data/runtime/v1/openclaw/node_modules", from: "managed"},
}

func TestN1_Layouts(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			m := newMachine(t)
			s := m.search()
			l.build(m, &s)
			s.Env = m.env
			r, trace, err := Resolve(context.Background(), s)
			here := func(text string) string { return strings.ReplaceAll(text, "ROOT", m.root) }
			if !strings.Contains(trace.String(), here(l.trace)) {
				t.Errorf("the trace lacks %q", here(l.trace))
			}
			if l.kind != 0 {
				var missing *MissingError
				if !errors.As(err, &missing) || missing.Kind != l.kind || !strings.Contains(err.Error(), here(l.says)) {
					t.Errorf("error %v, want %v: %q", err, l.kind, here(l.says))
				}
			} else if err != nil {
				t.Errorf("error: %v", err)
			} else {
				want := Runtime{Node: m.at(l.node), NodeSource: l.nodeFrom, Source: l.from, Entry: m.at(filepath.Join(l.entry, "openclaw/openclaw.mjs"))}
				got := Runtime{Node: r.Node, NodeSource: r.NodeSource, Source: r.Source, Entry: r.Entry}
				if got != want {
					t.Errorf("chose %+v\nwant  %+v", got, want)
				}
				if first, _, _ := strings.Cut(r.Path, string(filepath.ListSeparator)); first != filepath.Dir(r.Node) {
					t.Errorf("Path starts with %s, not Node's folder", first)
				}
			}
			if t.Failed() {
				t.Logf("trace:\n%v", trace)
			}
		})
	}
}

func TestN1_LayoutsAreMany(t *testing.T) {
	if len(layouts) < 25 {
		t.Errorf("%d layouts", len(layouts))
	}
}

// N1: a candidate or a login shell that hangs delays the start only by its limit. The
// limits are real times here, because real processes wait.
func TestN1_CancelledSearchEndsAtOnce(t *testing.T) {
	m := newMachine(t)
	m.file("/usr/bin/node", "#!/bin/sh\n: >"+m.at("/asked")+"\nexec /bin/sleep 3600\n", 0o755)
	m.openclaw("/usr/lib/node_modules", "2026.9.6", engines)
	m.path("/usr/bin")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, _, err := Resolve(ctx, m.search())
		done <- err
	}()
	for !exists(m.at("/asked")) { // the program creates the file before it hangs
		select {
		case err := <-done:
			t.Fatalf("ended early: %v", err)
		default:
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestN4_ThoroughTraceAsksAll(t *testing.T) {
	m := newMachine(t)
	m.node("/usr/local/bin/node", "24.21.0")
	m.node(home+"/.nvm/versions/node/v24.16.0/bin/node", "24.16.0")
	m.openclaw("/usr/local/lib/node_modules", "2026.9.6", engines)
	m.path("/usr/local/bin")
	m.managed("24.21.0", "2026.9.6")
	s := m.search()
	_, trace, err := Resolve(context.Background(), s)
	if err != nil || strings.Contains(trace.String(), "24.16.0: ") {
		t.Fatalf("%v: a normal search asks only until it has chosen:\n%v", err, trace)
	}
	s.Thorough = true
	_, trace, err = Resolve(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"skipped  node     nvm", "skipped  openclaw managed", "chosen   openclaw system", "chosen   node "} {
		if !strings.Contains(trace.String(), want) {
			t.Errorf("the trace lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(trace)
	}
}

func TestN1_Remembered(t *testing.T) {
	m := newMachine(t)
	m.node("/usr/local/bin/node", "24.21.0")
	m.openclaw("/usr/local/lib/node_modules", "2026.9.6", engines)
	m.path("/usr/bin")
	s := m.search()
	s.CacheFile = m.at(home + "/.cache/clawtray/runtime.json")
	search := func(wantVersion string, wantRemembered bool) {
		t.Helper()
		r, trace, err := Resolve(context.Background(), s)
		if remembered := strings.Contains(trace.String(), "remembered"); err != nil || r.Version != wantVersion || remembered != wantRemembered {
			t.Fatalf("version %q, remembered %v, error %v; want %q, %v", r.Version, remembered, err, wantVersion, wantRemembered)
		}
	}
	search("2026.9.6", false)
	search("2026.9.6", true)
	m.openclaw("/usr/local/lib/node_modules", "2026.10.12", engines) // an upgrade
	search("2026.10.12", false)
	search("2026.10.12", true)
	m.managed("24.21.0", "2026.9.6") // an installation ends
	search("2026.10.12", false)
	m.openclaw("/opt/x/node_modules", "2026.11.111", engines)
	m.link("/usr/bin/openclaw", m.at("/opt/x/node_modules/openclaw/openclaw.mjs")) // an earlier source appears
	s.Env = append(s.Env, "PATH="+m.at("/usr/bin"))
	search("2026.11.111", false)
	search("2026.11.111", true)
	m.file(home+"/.zshrc", "PATH=/new", 0o644) // the login shell may have another PATH now
	search("2026.11.111", false)
	s.NodePath = m.at("/usr/local/bin/node") // another setting
	search("2026.11.111", false)
	s.NodePath = ""
	if err := os.WriteFile(s.CacheFile, []byte("{garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	search("2026.11.111", false)
	if err := os.RemoveAll(m.at("/usr/local/bin/node")); err != nil { // Node is removed
		t.Fatal(err)
	}
	r, _, err := Resolve(context.Background(), s)
	if err != nil || r.NodeSource != "managed" {
		t.Errorf("%+v, %v", r, err)
	}
}

// BenchmarkResolve measures how long a start takes to find the runtime, with and without
// the cache file.
func BenchmarkResolve(b *testing.B) {
	m := newMachine(b)
	m.node("/usr/local/bin/node", "24.21.0")
	m.openclaw("/usr/local/lib/node_modules", "2026.9.6", engines)
	m.shell("echo \"$2\" >/dev/null")
	s := m.search()
	for name, file := range map[string]string{"cold": "", "warm": m.at("/cache/runtime.json")} {
		s.CacheFile = file
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if _, _, err := Resolve(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestP22_Engines(t *testing.T) {
	for _, c := range []struct {
		engines, version string
		want             bool
	}{
		{">=24.16.0 <25 || >=26.1.0", "24.16.0", true},
		{">=24.16.0 <25 || >=26.1.0", "24.15.9", false},
		{">=24.16.0 <25 || >=26.1.0", "25.0.0", false},
		{">=24.16.0 <25 || >=26.1.0", "25.0.0-nightly20260101", false}, // as in npm, a prerelease is in no plain range
		{">=24.16.0 <25 || >=26.1.0", "24.21.0-rc.1", false},
		{">=24.16.0 <25 || >=26.1.0", "26.1.0", true},
		{">=22.22.3 <23 || >=24.15 <25 || >=25.9", "24.15.0", true},
		{">=22.22.3 <23 || >=24.15 <25 || >=25.9", "25.8.9", false},
		{">= 22.19", "22.19.0", true},
		{">=22.19.0-rc.1", "22.19.0-rc.2", true},
		{">24", "24.21.0", false},
		{">24", "25.0.0", true},
		{"<=24", "24.21.0", true},
		{"^24", "24.21.0", true},
		{"^24.1", "25.0.0", false},
		{"~24.1", "24.2.0", false},
		{"24.x", "24.9.9", true},
		{"24", "24.9.9", true},
		{"*", "1.0.0", true},
		{"", "1.0.0", true},
		{"22 - 24", "24.21.0", true},
		{"22 - 24", "25.0.0", false},
		{"^20.17.0 || >=22.9.0", "24.21.0", true},
		{"bananas", "24.21.0", false},
		{"*", "bananas", false},
	} {
		if got := accepts(c.engines, c.version); got != c.want {
			t.Errorf("accepts(%q, %q) = %v", c.engines, c.version, got)
		}
	}
}

func TestXW4_RangeInWords(t *testing.T) {
	for engines, want := range map[string]string{
		">=24.16.0 <25 || >=26.1.0":              "26.1 or newer, or 24.16 or newer 24.x",
		">=22.22.3 <23 || >=24.15 <25":           "24.15 or newer 24.x, or 22.22.3 or newer 22.x",
		">=22.22.3 <23 || >=24.15 <25 || >=25.9": "25.9 or newer, or 24.15 or newer 24.x, or 22.22.3 or newer 22.x",
		">=22.22.3 <23.0.0-0||>=24.15.0 <25.0.0": "24.15 or newer 24.x, or 22.22.3 or newer 22.x",
		">=22.19":                                "22.19 or newer",
		">= 20":                                  "20 or newer",
		">=22 <25":                               "22 or newer up to 24.x",
		"^20.17.0 || >=22.9.0":                   "22.9 or newer, or 20.17 or newer 20.x",
		"^22.0.0":                                "22.x",
		"24.x || 22":                             "24.x, or 22.x",
		">=24.0.0":                               "24 or newer",
		// More complicated forms are returned unchanged, because their words could be
		// wrong.
		">=22.1 <24.5":   ">=22.1 <24.5",
		">24":            ">24",
		"~24.1":          "~24.1",
		">=24 !=24.3":    ">=24 !=24.3",
		"22 - 24":        "22 - 24",
		">=":             ">=",
		">=24-rc.1":      ">=24-rc.1",
		"*":              "*",
		"":               "",
		"bananas || >=1": "bananas || >=1",
	} {
		if got := rangeWords(engines); got != want {
			t.Errorf("rangeWords(%q) = %q, want %q", engines, got, want)
		}
		// The words and accepts agree.
		for _, c := range clauses(engines) {
			if !accepts(engines, c.from.String()) || c.below != 0 && !strings.Contains(engines, "||") && accepts(engines, fmt.Sprintf("%d.0.0", c.below)) {
				t.Errorf("%q: %+v", engines, c)
			}
		}
	}
}

func TestXW4_TooOld(t *testing.T) {
	const engines = ">=22.22.3 <23 || >=24.15 <25"
	for version, want := range map[string]bool{"20.1.0": true, "22.22.2": true, "23.0.0": false, "24.14.9": false, "25.0.0": false, "": false, "x": false} {
		if tooOld(engines, version) != want {
			t.Errorf("tooOld(%s) = %v", version, !want)
		}
	}
}

func ExampleStep_String() {
	fmt.Println(Step{What: "node", Source: "PATH", Path: "/usr/bin/node", Version: "22.22.3", Verdict: Rejected, Why: "OpenClaw 2026.9.6 needs Node >=24.16.0"})
	// Output: rejected node     PATH  /usr/bin/node  22.22.3: OpenClaw 2026.9.6 needs Node >=24.16.0
}
