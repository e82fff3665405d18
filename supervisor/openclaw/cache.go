package openclaw

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxCache limits the size of the cache file, which usually has a few kB.
const maxCache = 1 << 20

// remembered is an answer of Resolve together with everything that it depends on. It saves
// a start from running the programs of a search: a Node for its version, and the login
// shell, which can take seconds.
type remembered struct {
	Inputs  string            `json:"inputs"` // hash of the Search
	Stamps  map[string]string `json:"stamps"` // stamps of the files and folders that the answer depends on
	Runtime Runtime           `json:"runtime"`
}

// cached returns the answer of an earlier search when nothing it depends on has changed.
func (f *finder) cached() (Runtime, bool) {
	m, ok := f.last()
	if !ok || f.s.Thorough {
		return Runtime{}, false
	}
	for path, was := range m.Stamps {
		if stamp(path) != was {
			return Runtime{}, false
		}
	}
	f.note(Step{What: "both", Source: "remembered", Path: f.s.CacheFile, Version: m.Runtime.Version, Verdict: Chosen,
		Why: "nothing has changed since the last search"})
	return m.Runtime, true
}

// last reads the answer of the last search with the same inputs, outdated or not.
func (f *finder) last() (m remembered, ok bool) {
	if f.s.CacheFile == "" {
		return m, false
	}
	raw, err := readPrivate(f.s.CacheFile, maxCache) // a file of another user could make us run that user's Node
	ok = err == nil && json.Unmarshal(raw, &m) == nil && m.Inputs == f.inputs() && len(m.Stamps) > 0
	return m, ok
}

// keep saves the answer for the next search. A failure only costs time.
func (f *finder) keep(r Runtime) {
	if f.s.CacheFile == "" {
		return
	}
	m := remembered{Inputs: f.inputs(), Stamps: map[string]string{}, Runtime: r}
	paths := []string{r.Node, r.Entry, filepath.Join(r.Dir, "package.json"), filepath.Join(managedDir(f.s.DataDir), currentFile)}
	// The files that set the login shell's PATH.
	for _, rc := range []string{".profile", ".bash_profile", ".bashrc", ".zshenv", ".zprofile", ".zshrc", ".config/fish/config.fish"} {
		paths = append(paths, filepath.Join(f.s.Home, filepath.FromSlash(rc)))
	}
	for _, p := range slices.Concat(nodePlaces(f.s.OS), installPlaces(f.s.OS)) {
		fixed, _, _ := strings.Cut(p.glob, "*")
		for _, root := range f.expand(p.roots) {
			paths = append(paths, filepath.Join(root, filepath.FromSlash(path.Dir(fixed))))
		}
	}
	// A folder changes when a program or a version is added, which may come from a source
	// that is searched earlier.
	for _, path := range append(paths, filepath.SplitList(r.Path)...) {
		m.Stamps[path] = stamp(path)
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err == nil && os.MkdirAll(filepath.Dir(f.s.CacheFile), 0o700) == nil {
		_ = replaceFile(f.s.CacheFile, raw)
	}
}

// stamp returns a text that changes when the file or folder at path changes. It contains the resolved
// path, because all files in a Nix store have the same time. A missing file has a stamp too.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "absent"
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "absent"
	}
	return fmt.Sprintf("%d %d %s", info.Size(), info.ModTime().UnixNano(), real)
}

// inputs hashes what the answer depends on: the Search and the variables the sources read.
func (f *finder) inputs() string {
	s := f.s
	parts := []string{s.Home, s.DataDir, s.NodePath, s.EntryPath, s.ProjectDir, s.OS, s.Root, fmt.Sprint(f.inTerminal())}
	names := []string{"PATH", "SHELL", "OPENCLAW_NODE"}
	for _, p := range slices.Concat(nodePlaces(s.OS), installPlaces(s.OS)) {
		for _, root := range p.roots {
			if name, _, _ := strings.Cut(root, "/"); strings.HasPrefix(name, "$") {
				names = append(names, name[1:])
			}
		}
	}
	for _, name := range names {
		value := getenv(s.Env, name)
		if name == "PATH" {
			value = strings.Join(f.userPath(), string(filepath.ListSeparator))
		}
		parts = append(parts, name+"="+value)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
