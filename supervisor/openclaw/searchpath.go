package openclaw

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// loginShellLimit is how long the login shell may take to tell its PATH (PAINS P7).
const loginShellLimit = 3 * time.Second

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

// loginPath is the login shell's PATH; it is asked when first needed.
func (f *finder) loginPath() []string {
	if f.login == nil {
		dirs := f.askLoginShell()
		f.login = &dirs
	}
	return *f.login
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
