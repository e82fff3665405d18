package openclaw

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// stableName returns a path to the file entry that stays valid after an upgrade; if there
// is none, it returns entry. Homebrew, Nix, pnpm and mise keep each version in its own
// folder and reach it through links with constant names. The path is used hours later, for
// the next start and to notice an upgrade, when the folder of the old version may be gone.
// asked is the path that led to entry.
func stableName(asked, entry, version string) string {
	is, err := os.Stat(entry)
	if err != nil || !passes(entry, version) {
		return entry
	}
	for _, name := range slices.Concat(besideVersion(entry, version), combinations(asked, entry)) {
		if there, err := os.Stat(name); err == nil && os.SameFile(is, there) && !passes(name, version) {
			return name
		}
	}
	return entry
}

var (
	nixStore = filepath.FromSlash("/nix/store/")
	cellar   = filepath.FromSlash("/Cellar/") // of Homebrew
)

// passes reports whether a path is valid for one version only.
func passes(path, version string) bool {
	return version != "" && strings.Contains(path, version) || strings.Contains(path, nixStore) || strings.Contains(path, cellar)
}

// besideVersion returns paths to entry that use a link instead of the version's folder: Homebrew's
// opt/NAME instead of Cellar/NAME/VERSION, and links beside a folder whose name contains the version,
// such as mise's "latest".
func besideVersion(entry, version string) (names []string) {
	if prefix, rest, ok := strings.Cut(entry, cellar); ok {
		name, rest, _ := strings.Cut(rest, string(filepath.Separator))
		_, rest, _ = strings.Cut(rest, string(filepath.Separator))
		names = append(names, filepath.Join(prefix, "opt", name, rest))
	}
	for dir := filepath.Dir(entry); version != "" && filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		parent := filepath.Dir(dir)
		if !strings.Contains(filepath.Base(dir), version) || strings.HasSuffix(parent+string(filepath.Separator), nixStore) {
			continue
		}
		beside, _ := os.ReadDir(parent)
		for _, e := range beside {
			if e.Type()&os.ModeSymlink != 0 {
				names = append(names, filepath.Join(parent, e.Name(), strings.TrimPrefix(entry, dir)))
			}
		}
	}
	return names
}

// combinations returns each folder above asked and entry, joined with each trailing part of entry,
// longest first. One of them is the path in a Nix profile or in pnpm's node_modules.
func combinations(asked, entry string) (names []string) {
	var ends []string
	for dir, end := filepath.Dir(entry), filepath.Base(entry); filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		ends = append(ends, end)
		end = filepath.Join(filepath.Base(dir), end)
	}
	slices.Reverse(ends)
	for _, path := range []string{asked, entry} {
		for dir := filepath.Dir(path); filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
			for _, end := range ends {
				names = append(names, filepath.Join(dir, end))
			}
		}
	}
	return names
}
