package openclaw

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// probeLimit is how long one candidate may take to print its version. Node takes 0.03 s,
// and the shim of a version manager that has to start a shell takes a second.
const probeLimit = 5 * time.Second

// node is one Node executable on this machine.
type node struct {
	source  string
	path    string
	version string
	err     error
}

// ask returns the version of a Node, by running it once.
func (f *finder) ask(source, path string) node {
	n, ok := f.asked[path]
	if !ok {
		n = f.probe(path)
		f.asked[path] = n
	}
	n.source = source
	return n
}

func (f *finder) probe(path string) node {
	n := node{path: path}
	if !filepath.IsAbs(path) {
		n.err = errNotAbsolute
		return n
	}
	if _, err := os.Stat(path); err != nil {
		n.err = plain(err)
		return n
	}
	if isShim(path) {
		// The shim of a version manager may stay as the parent of the real Node, and then
		// the process that we start would not be the Gateway. So ask for the path of the
		// real Node.
		out, err := f.run(path, "-p", "process.version+' '+process.execPath")
		version, real, ok := strings.Cut(strings.TrimSpace(out), " ")
		if err == nil && ok && filepath.IsAbs(real) {
			n.path, n.version = real, strings.TrimPrefix(version, "v")
			return n
		}
	}
	out, err := f.run(path, "--version")
	version := strings.TrimSpace(out)
	switch {
	case err != nil:
		n.err = fmt.Errorf("asked for its version: %w", err)
	case !nodeVersion.MatchString(version):
		n.err = fmt.Errorf("asked for its version it said %q", cut(version, 60))
	default:
		n.version = version[1:]
	}
	return n
}

var errNotAbsolute = errors.New("it is not an absolute path")

var nodeVersion = regexp.MustCompile(`^v\d+\.\d+\.\d+`)

func cut(s string, limit int) string {
	if len(s) > limit {
		return s[:limit] + "..."
	}
	return s
}

// isShim reports whether path is a launcher (volta, asdf, mise, snap) and not Node itself.
func isShim(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	if base := strings.TrimSuffix(strings.ToLower(filepath.Base(real)), ".exe"); base != "node" && base != "nodejs" {
		return true
	}
	f, err := os.Open(real)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 2)
	_, err = f.Read(head)
	return err == nil && string(head) == "#!"
}

// run runs a candidate in the user's home with empty standard input.
func (f *finder) run(path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(f.ctx, probeLimit)
	defer cancel()
	out, err := runQuietly(ctx, exec.CommandContext(ctx, path, args...), f.probeEnv(), f.s.Home)
	if ctx.Err() == context.DeadlineExceeded {
		return out, fmt.Errorf("no answer within %v", probeLimit)
	}
	return out, err
}

// probeEnv returns the user's environment without variables that make a Node print more
// than its version.
func (f *finder) probeEnv() []string {
	return uncached(without(f.s.Env, hijacks))
}
