package openclaw

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	// maxShim limits the size of a launcher script; those of npm and pnpm have less than 4
	// kB.
	maxShim = 64 << 10
	// maxPackageJSON limits the size of a package.json; OpenClaw's has 80 kB.
	maxPackageJSON = 4 << 20
)

// install is one OpenClaw package on this machine.
type install struct {
	source  string
	entry   string // openclaw.mjs; when err is set, the file that was checked
	node    string // the Node of the same prefix, if any, because native add-ons were built for that Node
	version string
	engines string
	err     error
}

// readInstall reads the package to which entry leads: openclaw.mjs, its folder, or a
// command.
func readInstall(source, entry string) install {
	in := install{source: source, entry: entry}
	if !filepath.IsAbs(entry) {
		in.err = errNotAbsolute
		return in
	}
	found, err := followEntry(entry)
	if err != nil {
		in.err = err
		return in
	}
	in.entry = found
	raw, _, err := readLimited(filepath.Join(filepath.Dir(found), "package.json"), maxPackageJSON)
	if err != nil {
		in.err = plain(err)
		return in
	}
	var manifest struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Engines struct {
			Node string `json:"node"`
		} `json:"engines"`
	}
	if err := json.Unmarshal(raw, &manifest); err != nil {
		in.err = fmt.Errorf("its package.json is damaged: %w", err)
		return in
	}
	if manifest.Name != "openclaw" {
		in.err = fmt.Errorf("it belongs to the package %q, not openclaw", manifest.Name)
		return in
	}
	in.version, in.engines = manifest.Version, strings.TrimSpace(manifest.Engines.Node)
	in.entry = stableName(entry, found, in.version)
	return in
}

// plain shortens file errors for people.
func plain(err error) error {
	var pathErr *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist) && errors.As(err, &pathErr):
		return fmt.Errorf("%s does not exist", pathErr.Path)
	case errors.Is(err, fs.ErrPermission) && errors.As(err, &pathErr):
		return fmt.Errorf("%s may not be read", pathErr.Path)
	}
	return err
}

// entryInShim matches the path of openclaw.mjs in a launcher script (npm's .cmd, pnpm's
// sh).
var entryInShim = regexp.MustCompile(`[^"'\s=]*node_modules[\\/]openclaw[\\/]openclaw\.mjs|"([^"]*[\\/]openclaw\.mjs)"`)

// followEntry returns the openclaw.mjs to which a command, a folder or a file leads.
func followEntry(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", plain(err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", plain(err)
	}
	if info.IsDir() {
		return followEntry(filepath.Join(real, "openclaw.mjs"))
	}
	if filepath.Base(real) == "openclaw.mjs" {
		return filepath.Abs(real)
	}
	raw, _, err := readLimited(real, maxShim)
	if err != nil {
		return "", errors.New("it is a program, not a link to openclaw.mjs")
	}
	match := entryInShim.FindString(string(raw))
	if match == "" {
		return "", errors.New("it does not name an openclaw.mjs")
	}
	target := strings.Trim(match, `"`)
	dir := filepath.Dir(real)
	for _, here := range []string{`$basedir`, `%dp0%`, `%~dp0`, `$PSScriptRoot`} {
		target = strings.ReplaceAll(target, here, dir+string(filepath.Separator))
	}
	target = filepath.Clean(strings.ReplaceAll(target, `\`, string(filepath.Separator)))
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("it leads to %s, which does not exist", target)
	}
	return filepath.EvalSymlinks(target)
}
