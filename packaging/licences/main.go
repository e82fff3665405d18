// Command licences prints the licences of everything in clawtray's programs: of Go itself
// and of each module that a package of clawtray imports on one of the systems of a release.
// It runs in the repository's root and reads Go's module cache. A module without a licence
// is an error, because then nothing may be released.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is one dependency in the module cache.
type module struct{ path, version, dir string }

// licence matches the names of files with licences and notices.
var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)([-.]?(txt|md|mit|apache|bsd))?$`)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	modules := []module{{"Go's standard library and runtime", "", strings.TrimSpace(string(goroot))}}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		imported, err := imports(goos)
		if err != nil {
			return err
		}
		modules = append(modules, imported...)
	}
	slices.SortFunc(modules[1:], func(a, b module) int { return strings.Compare(a.path, b.path) })
	fmt.Fprintln(out, "\nclawtray's programs contain the following software of others.")
	for _, m := range slices.Compact(modules) {
		if err := m.print(out); err != nil {
			return err
		}
	}
	return nil
}

// imports returns the modules, other than this one, whose packages are in the program for a system.
func imports(goos string) ([]module, error) {
	const format = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}"
	list := exec.Command("go", "list", "-deps", "-f", format, ".")
	// With cgo, because the tray of macOS needs it and comes from another module.
	list.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=1")
	list.Stderr = os.Stderr
	text, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list for %s: %w", goos, err)
	}
	var modules []module
	for line := range strings.Lines(string(text)) {
		if field := strings.Split(strings.TrimSpace(line), "\t"); len(field) == 3 {
			modules = append(modules, module{field[0], field[1], field[2]})
		}
	}
	return modules, nil
}

// print writes the module's name and every licence and notice in its folder.
func (m module) print(out io.Writer) error {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return fmt.Errorf("%s: %w", m.path, err)
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !licence.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.dir, e.Name()))
		if err != nil {
			return err
		}
		found = true
		text = bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
		fmt.Fprintf(out, "\n%s\n%s (%s)\n\n%s\n", strings.Repeat("-", 72), strings.TrimSpace(m.path+" "+m.version), e.Name(), text)
	}
	if !found {
		return fmt.Errorf("%s has no licence in %s", m.path, m.dir)
	}
	return nil
}
