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

// loginShellLimit is how long the login shell may take to print its PATH (PAINS P7).
const loginShellLimit = 3 * time.Second

// marker is printed before the environment, because an interactive shell may print other
// text when it starts.
const marker = "__clawtray_environment__\n"

// tellPath is a shell command that prints the marker and then the environment. Each entry ends with
// NUL, because a value may contain a line that looks like another variable. A program prints it,
// because shells print $PATH differently (in fish it is a list). If env has no option -0, as on older
// Macs, sh prints PATH alone. The marker is written in two parts, because some shells print a command
// before they run it, and that must not count as the marker.
const tellPath = `echo __clawtray"_environment__"; /usr/bin/env -0 || /bin/sh -c 'printf "PATH=%s\0" "$PATH"'`

// askLoginShell returns the folders in the PATH of the user's login shell.
func (f *finder) askLoginShell() []string {
	shell := getenv(f.s.Env, "SHELL")
	step := Step{What: "PATH", Source: sourceLogin, Path: shell, Verdict: Absent}
	if f.s.OS == "windows" || shell == "" {
		step.Why = "no login shell here"
		f.note(step)
		return nil
	}
	ctx, cancel := context.WithTimeout(f.ctx, f.shellLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell, "-ilc", tellPath)
	out, err := runQuietly(ctx, cmd, f.probeEnv(), f.s.Home)
	_, out, found := strings.Cut(out, marker)
	switch {
	case ctx.Err() == context.DeadlineExceeded && !found:
		step.Why = fmt.Sprintf("no answer within %v", f.shellLimit)
	case !found:
		step.Why = "did not tell its PATH"
		if err != nil {
			step.Why += ": " + err.Error()
		}
	}
	var dirs []string
	if value, ok := entryOf(out, "PATH"); ok {
		dirs = f.splitPath(value)
		step.Verdict, step.Why = Chosen, value
	}
	f.note(step)
	return dirs
}

// entryOf returns the first variable of this name in an environment whose entries end with NUL. Text
// after the last NUL is not an entry. A value with a line break is not used, because capped joins two
// entries that way when it drops output between them.
func entryOf(environment, name string) (string, bool) {
	entries := strings.Split(environment, "\x00")
	for _, entry := range entries[:len(entries)-1] {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value, !strings.Contains(value, "\n")
		}
	}
	return "", false
}

// loginPath returns the login shell's PATH. The shell is asked at the first call only.
func (f *finder) loginPath() []string {
	if f.login == nil {
		dirs := f.askLoginShell()
		f.login = &dirs
	}
	return *f.login
}

// splitPath splits a PATH. It drops relative entries, because a program started at login
// has no meaningful working folder.
func (f *finder) splitPath(value string) []string {
	var dirs []string
	for _, dir := range filepath.SplitList(value) {
		if filepath.IsAbs(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	return dirs
}

// userPath returns the user's PATH without the folders of our own AppImage, because their names change
// at each start.
func (f *finder) userPath() []string {
	dirs := f.splitPath(getenv(f.s.Env, "PATH"))
	mount := getenv(f.s.Env, "APPDIR")
	if mount == "" || getenv(f.s.Env, "APPIMAGE") == "" {
		return dirs
	}
	return slices.DeleteFunc(dirs, func(dir string) bool {
		rel, err := filepath.Rel(mount, dir)
		return err == nil && filepath.IsLocal(rel)
	})
}

// inTerminal reports whether a shell has started us. Then our PATH is that of the login
// shell already.
func (f *finder) inTerminal() bool {
	return getenv(f.s.Env, "TERM") != "" && getenv(f.s.Env, "SHLVL") != ""
}

// childPath returns the PATH that a Gateway and its tools need. The PATH of a desktop
// session often lacks some of the folders.
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
