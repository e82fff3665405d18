package openclaw

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	// probeLimit is how long one candidate may take to tell its version. Node takes 0.03 s; a
	// version manager's shim that has to start a shell, a second.
	probeLimit = 5 * time.Second
	// loginShellLimit is how long the login shell may take to tell its PATH (PAINS P7).
	loginShellLimit = 3 * time.Second
	// outputGrace is how long to wait for output after a program was ended, when something it
	// started keeps the pipe open.
	outputGrace = 200 * time.Millisecond
	// maxShim bounds what is read of a launcher script; npm's and pnpm's have under 4 kB.
	maxShim = 64 << 10
)

// node is one Node executable on this machine.
type node struct {
	source  string
	path    string
	version string
	err     error
}

// finder carries one search: its inputs, what was asked already, and the trace.
type finder struct {
	ctx   context.Context // of the one Resolve call this finder lives for
	s     Search
	trace Trace

	asked     map[string]node // by path: the same Node is offered by several sources
	noted     map[Step]bool   // the trace says each thing once
	loginPath func() []string
}

func newFinder(ctx context.Context, s Search) *finder {
	s.OS = cmp.Or(s.OS, runtime.GOOS)
	s.ProjectDir = cmp.Or(s.ProjectDir, s.Home)
	f := &finder{ctx: ctx, s: s, asked: map[string]node{}, noted: map[Step]bool{}}
	var dirs []string
	done := false
	f.loginPath = func() []string {
		if !done {
			done, dirs = true, f.askLoginShell()
		}
		return dirs
	}
	return f
}

func (f *finder) note(s Step) {
	if !f.noted[s] {
		f.noted[s] = true
		f.trace = append(f.trace, s)
	}
}

// foundNodes lists the Nodes of the trace for a message: "22.22.3 at /usr/bin/node".
func (f *finder) foundNodes() string {
	var found []string
	for _, s := range f.trace {
		if s.What != "node" || s.Verdict == Absent {
			continue
		}
		words := s.Version + " at " + s.Path
		if s.Version == "" {
			words = s.Path + " (unusable: " + s.Why + ")"
		}
		if !slices.Contains(found, words) {
			found = append(found, words)
		}
	}
	return strings.Join(found, ", ")
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

// runQuietly runs cmd apart from our terminal and returns its standard output, at most 64 KiB of it.
func runQuietly(ctx context.Context, cmd *exec.Cmd, env []string, dir string) (string, error) {
	var out capped
	cmd.Env, cmd.Dir, cmd.Stdout = env, existingDir(dir), &out
	cmd.WaitDelay = outputGrace
	apart(cmd)
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well; what it left in the background is not our question
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.String(), err
}

// existingDir returns dir, or the root when it is gone: a program cannot start in no folder.
func existingDir(dir string) string {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return dir
	}
	return string(filepath.Separator)
}

// maxOutput bounds what is kept of a program's output: a version is a line, a doctor's report some pages.
const maxOutput = 64 << 10

// capped keeps the first half and the last half of maxOutput.
type capped struct {
	head, tail bytes.Buffer
	lost       bool
}

func (c *capped) Write(p []byte) (int, error) {
	n := len(p)
	if room := maxOutput/2 - c.head.Len(); room > 0 {
		k := min(room, len(p))
		c.head.Write(p[:k])
		p = p[k:]
	}
	c.tail.Write(p)
	if extra := c.tail.Len() - maxOutput/2; extra > 0 {
		c.tail.Next(extra)
		c.lost = true
	}
	return n, nil
}

func (c *capped) String() string {
	if c.lost {
		return c.head.String() + "\n[...]\n" + c.tail.String()
	}
	return c.head.String() + c.tail.String()
}

// probeEnv is the user's environment without what could make a Node say more than its version.
func (f *finder) probeEnv() []string {
	return without(f.s.Env, func(k string) bool { return hijacks(k) })
}

// marker sets the PATH apart from whatever an interactive shell prints when it starts.
const marker = "__clawtray_environment__"

// askLoginShell returns the folders of the PATH the user's login shell has.
func (f *finder) askLoginShell() []string {
	shell := getenv(f.s.Env, "SHELL")
	step := Step{What: "PATH", Source: sourceLogin, Path: shell, Verdict: Absent}
	if f.s.OS == "windows" || shell == "" {
		step.Why = "no login shell here"
		f.note(step)
		return nil
	}
	ctx, cancel := context.WithTimeout(f.ctx, loginShellLimit)
	defer cancel()
	// Through env, because not every shell prints $PATH the same way (fish has a list).
	cmd := exec.CommandContext(ctx, shell, "-ilc", "echo "+marker+"; /usr/bin/env")
	out, err := runQuietly(ctx, cmd, f.probeEnv(), f.s.Home)
	_, out, found := strings.Cut(out, marker)
	switch {
	case ctx.Err() == context.DeadlineExceeded && !found:
		step.Why = fmt.Sprintf("no answer within %v", loginShellLimit)
	case !found:
		step.Why = "did not tell its PATH"
		if err != nil {
			step.Why += ": " + err.Error()
		}
	}
	var dirs []string
	for line := range strings.Lines(out) {
		if value, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "PATH="); ok {
			dirs = f.splitPath(value)
			step.Verdict, step.Why = Chosen, value
		}
	}
	f.note(step)
	return dirs
}

// splitPath splits a PATH; relative entries mean nothing to a program started at login.
func (f *finder) splitPath(value string) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(value) {
		if filepath.IsAbs(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	return dirs
}

func (f *finder) userPath() []string { return f.splitPath(getenv(f.s.Env, "PATH")) }

// inTerminal says whether a shell started us, whose PATH is the login shell's already.
func (f *finder) inTerminal() bool {
	return getenv(f.s.Env, "TERM") != "" && getenv(f.s.Env, "SHLVL") != ""
}

// childPath is the PATH a Gateway and its tools need, which a login session's often is not.
func (f *finder) childPath(node string) string {
	dirs := append([]string{filepath.Dir(node)}, f.userPath()...)
	if !f.inTerminal() {
		dirs = append(dirs, f.loginPath()...)
	}
	for _, dir := range f.systemDirs() {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			dirs = append(dirs, dir)
		}
	}
	var unique []string
	for _, dir := range dirs {
		if !slices.Contains(unique, dir) {
			unique = append(unique, dir)
		}
	}
	return strings.Join(unique, string(filepath.ListSeparator))
}

// entryInShim finds the path of openclaw.mjs in a launcher script (npm's .cmd, pnpm's sh).
var entryInShim = regexp.MustCompile(`[^"'\s=]*node_modules[\\/]openclaw[\\/]openclaw\.mjs|"([^"]*[\\/]openclaw\.mjs)"`)

// followEntry goes from a command, a folder or a file to the package's openclaw.mjs.
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
