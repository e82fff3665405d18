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

// probeLimit is how long one candidate may take to tell its version. Node takes 0.03 s; a
// version manager's shim that has to start a shell, a second.
const probeLimit = 5 * time.Second

// node is one Node executable on this machine.
type node struct {
	source  string
	path    string
	version string
	err     error
}

// ask runs a Node for its version.
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
		// A version manager's shim may stay as a parent of the real Node, and then the process we
		// spawn would not be the Gateway: ask it who it really is.
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

// isShim tells a launcher (volta, asdf, mise, snap) from a Node binary.
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

// run runs a candidate in the user's home with nothing on its standard input.
func (f *finder) run(path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(f.ctx, probeLimit)
	defer cancel()
	out, err := runQuietly(ctx, exec.CommandContext(ctx, path, args...), f.probeEnv(), f.s.Home)
	if ctx.Err() == context.DeadlineExceeded {
		return out, fmt.Errorf("no answer within %v", probeLimit)
	}
	return out, err
}

// probeEnv is the user's environment without what could make a Node say more than its version.
func (f *finder) probeEnv() []string {
	return without(f.s.Env, func(k string) bool { return hijacks(k) })
}
