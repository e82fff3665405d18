package openclaw

import (
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Names of the sources that have no row in the tables below.
const (
	sourceConfigured = "configured"
	sourceVariable   = "OPENCLAW_NODE"
	sourcePath       = "PATH"
	sourceLogin      = "login shell"
	sourceBeside     = "beside OpenClaw"
	sourceManaged    = "managed"
)

// place is where one source keeps Nodes or OpenClaws: the glob is searched below every root
// that exists. A root starts with "~" (home), "$NAME" (a variable; skipped when it is not
// set) or "/" (the system).
type place struct {
	source string
	roots  []string
	glob   string
}

// nodePlaces lists the places of Nodes outside the PATHs: version managers first, then
// package managers. Within one source, newer versions come first.
func nodePlaces(goos string) []place {
	if goos == "windows" {
		return []place{
			{"nvm", []string{"$NVM_HOME", "$APPDATA/nvm", "$LOCALAPPDATA/nvm"}, "v*/node.exe"},
			{"fnm", []string{"$FNM_DIR", "$APPDATA/fnm", "$LOCALAPPDATA/fnm"}, "node-versions/v*/installation/node.exe"},
			{"volta", []string{"$VOLTA_HOME", "$LOCALAPPDATA/Volta"}, "tools/image/node/*/node.exe"},
			{"mise", []string{"$MISE_DATA_DIR", "$LOCALAPPDATA/mise"}, "installs/node/*/node.exe"},
			{"scoop", []string{"$SCOOP", "~/scoop"}, "apps/nodejs*/current/node.exe"},
			{"Node installer", []string{"$ProgramFiles", "$LOCALAPPDATA/Programs", "$ProgramFiles(x86)"}, "nodejs/node.exe"},
			{"Chocolatey", []string{"$ChocolateyInstall"}, "bin/node.exe"},
		}
	}
	places := []place{
		{"nvm", []string{"$NVM_DIR", "~/.nvm", "$XDG_CONFIG_HOME/nvm", "~/.config/nvm"}, "versions/node/v*/bin/node"},
		{"fnm", []string{"$FNM_DIR", "$XDG_DATA_HOME/fnm", "~/.local/share/fnm", "~/Library/Application Support/fnm", "~/.fnm"}, "node-versions/v*/installation/bin/node"},
		{"volta", []string{"$VOLTA_HOME", "~/.volta"}, "tools/image/node/*/bin/node"},
		{"asdf", []string{"$ASDF_DATA_DIR", "~/.asdf"}, "installs/nodejs/*/bin/node"},
		{"mise", []string{"$MISE_DATA_DIR", "$XDG_DATA_HOME/mise", "~/.local/share/mise"}, "installs/node/*/bin/node"},
		{"n", []string{"$N_PREFIX", "~/n", "/usr/local"}, "n/versions/node/*/bin/node"},
		{"nodenv", []string{"$NODENV_ROOT", "~/.nodenv"}, "versions/*/bin/node"},
		{"OpenClaw's installer", []string{"~/.openclaw"}, "tools/node*/bin/node"},
	}
	brew := []string{"$HOMEBREW_PREFIX", "/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew", "~/.linuxbrew"}
	return append(places,
		place{"Homebrew", brew, "opt/node*/bin/node"},
		place{"system", []string{"/usr/local", "/usr", "/opt/local", "/opt/node*", "~/.local", "~/.nix-profile", "/run/current-system/sw"}, "bin/node"},
		place{"Debian", []string{"/usr"}, "bin/nodejs"},
		place{"snap", []string{"/snap"}, "node/current/bin/node"},
		place{"snap", []string{"/snap"}, "bin/node"},
	)
}

// installPlaces lists the places of the package outside the PATHs.
func installPlaces(goos string) []place {
	const module = "node_modules/openclaw"
	pnpm := []string{"$PNPM_HOME", "$XDG_DATA_HOME/pnpm", "~/.local/share/pnpm", "~/Library/pnpm", "$LOCALAPPDATA/pnpm"}
	places := []place{
		{"npm -g", []string{"$npm_config_prefix", "$NPM_CONFIG_PREFIX", "~/.npm-global", "~/.npm-packages", "~/.local", "/usr/local", "/usr", "/opt/homebrew"}, "lib/" + module},
		{"npm -g", []string{"$npm_config_prefix", "$NPM_CONFIG_PREFIX", "$APPDATA/npm", "$SCOOP/persist/nodejs/bin", "~/scoop/persist/nodejs/bin"}, module},
		{"volta", []string{"$VOLTA_HOME", "~/.volta", "$LOCALAPPDATA/Volta"}, "tools/image/packages/openclaw/lib/" + module},
		{"volta", []string{"$VOLTA_HOME", "$LOCALAPPDATA/Volta"}, "tools/image/packages/openclaw/" + module},
		{"mise", []string{"$MISE_DATA_DIR", "$XDG_DATA_HOME/mise", "~/.local/share/mise"}, "installs/npm-openclaw/*/lib/" + module},
		{"pnpm", pnpm, "global/*/" + module},
		{"pnpm", pnpm, "global/*/*/" + module},
		{"bun", []string{"$BUN_INSTALL", "~/.bun"}, "install/global/" + module},
		{"yarn", []string{"$XDG_CONFIG_HOME/yarn", "~/.config/yarn", "$LOCALAPPDATA/Yarn/Data"}, "global/" + module},
		{"OpenClaw's installer", []string{"~/.openclaw"}, "lib/" + module},
	}
	if goos != "windows" {
		return places
	}
	// OpenClaw's installer uses its place on unix only. The other places need no check,
	// because they do not exist on the wrong system.
	return slices.DeleteFunc(places, func(p place) bool { return p.source == "OpenClaw's installer" })
}

// systemDirs returns folders that a Gateway's tools expect in PATH and that desktop
// sessions often lack.
func (f *finder) systemDirs() []string {
	if f.s.OS == "windows" {
		return nil
	}
	return f.expand([]string{"~/.local/bin", "/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"})
}

// expand returns the roots of a place as paths on this machine.
func (f *finder) expand(roots []string) []string {
	var dirs []string
	for _, root := range roots {
		head, rest, _ := strings.Cut(root, "/")
		switch {
		case head == "~":
			root = filepath.Join(f.s.Home, rest)
		case strings.HasPrefix(head, "$"):
			value := getenv(f.s.Env, head[1:])
			if value == "" {
				continue
			}
			root = filepath.Join(value, rest)
		default:
			root = filepath.Join(f.s.Root+string(filepath.Separator), rest)
		}
		if filepath.IsAbs(root) && !slices.Contains(dirs, root) {
			dirs = append(dirs, root)
		}
	}
	return dirs
}

// search lists the files of a place, newest version first within each root.
func (f *finder) search(p place) []string {
	var found []string
	for _, root := range f.expand(p.roots) {
		// Glob fails only for a malformed pattern, which a bracket in a folder's name can
		// cause.
		matches, _ := filepath.Glob(filepath.Join(root, filepath.FromSlash(p.glob)))
		slices.SortStableFunc(matches, func(a, b string) int { return newerFirst(versionIn(a), versionIn(b)) })
		found = append(found, matches...)
	}
	if len(found) == 0 {
		f.note(Step{What: "search", Source: p.source, Path: strings.Join(p.roots, " ") + " " + p.glob, Verdict: Absent})
	}
	return found
}

var versionInPath = regexp.MustCompile(`\d+(\.\d+){0,2}`)

// versionIn returns the version in the folders of a path. It is only used for sorting.
func versionIn(path string) string {
	all := versionInPath.FindAllString(path, -1)
	if len(all) == 0 {
		return ""
	}
	return slices.MaxFunc(all, func(a, b string) int { return strings.Count(a, ".") - strings.Count(b, ".") })
}

// commands lists the programs called name in the folders of a PATH.
func (f *finder) commands(source string, dirs []string, name string) []string {
	names := []string{name}
	if f.s.OS == "windows" {
		names = []string{name + ".exe", name + ".cmd", name}
	}
	var found []string
	for _, dir := range dirs {
		for _, n := range names {
			path := filepath.Join(dir, n)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && executable(info, f.s.OS) {
				found = append(found, path)
			}
		}
	}
	if len(found) == 0 && len(dirs) > 0 {
		f.note(Step{What: name, Source: source, Path: strings.Join(dirs, string(filepath.ListSeparator)), Verdict: Absent})
	}
	return found
}

func executable(info fs.FileInfo, goos string) bool {
	return goos == "windows" || info.Mode().Perm()&0o111 != 0
}

// nodes yields the Nodes of this machine in the sequence of the sources. Each is asked for
// its version just before it is yielded.
func (f *finder) nodes(in install) iter.Seq[node] {
	return func(yield func(node) bool) {
		seen := map[string]bool{}
		offer := func(source string, paths ...string) bool {
			for _, path := range paths {
				if seen[path] {
					continue
				}
				seen[path] = true
				if !yield(f.ask(source, path)) {
					return false
				}
			}
			return true
		}
		if f.s.NodePath != "" {
			offer(sourceConfigured, expandHome(f.s.NodePath, f.s.Home))
			return
		}
		if v := getenv(f.s.Env, "OPENCLAW_NODE"); v != "" && !offer(sourceVariable, expandHome(v, f.s.Home)) {
			return
		}
		if in.node != "" && !offer(sourceBeside, in.node) {
			return
		}
		if !offer(sourcePath, f.commands(sourcePath, f.userPath(), "node")...) || !offer(sourceLogin, f.commands(sourceLogin, f.loginPath(), "node")...) {
			return
		}
		for _, p := range nodePlaces(f.s.OS) {
			if !offer(p.source, f.search(p)...) {
				return
			}
		}
		if m, err := readManaged(f.s.DataDir, f.s.OS); err == nil {
			offer(sourceManaged, m.node)
		}
	}
}

// installs yields the OpenClaws of this machine in the sequence of the sources.
func (f *finder) installs() iter.Seq[install] {
	return func(yield func(install) bool) {
		seen := map[string]bool{}
		offer := func(source, nodePath string, paths ...string) bool {
			for _, path := range paths {
				in := readInstall(source, path)
				in.node = nodePath
				real := in.entry // one file may have several names
				if path, err := filepath.EvalSymlinks(real); err == nil {
					real = path
				}
				if seen[real] {
					continue
				}
				seen[real] = true
				if !yield(in) {
					return false
				}
			}
			return true
		}
		if f.s.EntryPath != "" {
			offer(sourceConfigured, "", expandHome(f.s.EntryPath, f.s.Home))
			return
		}
		if !offer(sourcePath, "", f.commands(sourcePath, f.userPath(), "openclaw")...) || !offer(sourceLogin, "", f.commands(sourceLogin, f.loginPath(), "openclaw")...) {
			return
		}
		for _, p := range nodePlaces(f.s.OS) {
			for _, n := range f.search(p) {
				if module := globalModule(n); module != "" && !offer(p.source, n, module) {
					return
				}
			}
		}
		for _, p := range installPlaces(f.s.OS) {
			if !offer(p.source, "", f.search(p)...) {
				return
			}
		}
		if module := filepath.Join(f.s.ProjectDir, "node_modules", "openclaw"); exists(module) && !offer("project folder", "", module) {
			return
		}
		f.offerManaged(offer)
	}
}

func (f *finder) offerManaged(offer func(source, nodePath string, paths ...string) bool) {
	m, err := readManaged(f.s.DataDir, f.s.OS)
	switch {
	case err == nil:
		offer(sourceManaged, m.node, m.entry)
	case errors.Is(err, fs.ErrNotExist):
		f.note(Step{What: "openclaw", Source: sourceManaged, Path: managedDir(f.s.DataDir), Verdict: Absent})
	default:
		f.note(Step{What: "openclaw", Source: sourceManaged, Path: managedDir(f.s.DataDir), Verdict: Rejected, Why: err.Error()})
	}
}

// globalModule returns the openclaw package that npm -g of that Node has installed; empty
// when there is none.
func globalModule(node string) string {
	dir := filepath.Dir(node)
	for _, modules := range []string{
		filepath.Join(filepath.Dir(dir), "lib", "node_modules"), // PREFIX/bin/node
		filepath.Join(dir, "node_modules"),                      // PREFIX/node.exe
	} {
		if module := filepath.Join(modules, "openclaw"); exists(module) {
			return module
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
