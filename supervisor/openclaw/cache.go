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

// maxCache bounds what is read of the cache file, which has some kB.
const maxCache = 1 << 20

// remembered is an answer of Resolve and what it depended on. It saves a start the programs a
// search runs: a Node for its version, and the login shell, which can take seconds.
type remembered struct {
	Inputs  string            `json:"inputs"` // hash of the Search
	Stamps  map[string]string `json:"stamps"` // files and folders the answer stands on
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
	raw, _, err := readLimited(f.s.CacheFile, maxCache)
	ok = err == nil && json.Unmarshal(raw, &m) == nil && m.Inputs == f.inputs() && len(m.Stamps) > 0
	return m, ok
}

// keep remembers the answer for the next search. That it may fail costs only time.
func (f *finder) keep(r Runtime) {
	if f.s.CacheFile == "" {
		return
	}
	m := remembered{Inputs: f.inputs(), Stamps: map[string]string{}, Runtime: r}
	paths := []string{r.Node, r.Entry, filepath.Join(r.Dir, "package.json"), filepath.Join(managedDir(f.s.DataDir), currentFile)}
	// What the login shell's PATH is made of.
	for _, rc := range []string{".profile", ".bash_profile", ".bashrc", ".zshenv", ".zprofile", ".zshrc", ".config/fish/config.fish"} {
		paths = append(paths, filepath.Join(f.s.Home, filepath.FromSlash(rc)))
	}
	for _, p := range slices.Concat(nodePlaces(f.s.OS), installPlaces(f.s.OS)) {
		fixed, _, _ := strings.Cut(p.glob, "*")
		for _, root := range f.expand(p.roots) {
			paths = append(paths, filepath.Join(root, filepath.FromSlash(path.Dir(fixed))))
		}
	}
	// A folder changes when a program or a version is added, which may be of an earlier source.
	for _, path := range append(paths, filepath.SplitList(r.Path)...) {
		m.Stamps[path] = stamp(path)
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err == nil && os.MkdirAll(filepath.Dir(f.s.CacheFile), 0o700) == nil {
		_ = replaceFile(f.s.CacheFile, raw)
	}
}

// stamp changes when a file or folder does; absence is a stamp too.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "absent"
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
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
		parts = append(parts, name+"="+getenv(s.Env, name))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
