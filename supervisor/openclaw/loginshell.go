package openclaw

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// loginVariables are what OpenClaw takes from the user's login shell when env.shellEnv says so and
// nothing else sets them. Its list has the keys of model providers and chat channels, too, but no
// variable that a user made up, and of those for the sign-in only these two (2026.6.11, 2026.9.6).
var loginVariables = []string{TokenVar, PasswordVar}

// startupFiles are what login shells read in the home folder. A change of one can change a variable.
var startupFiles = []string{".profile", ".bash_profile", ".bash_login", ".bashrc", ".zshenv", ".zprofile"}

func loginSource(name string) Source { return Source("the login shell: " + name) }

// fromLoginShell says whether a value comes from the login shell.
func fromLoginShell(s Source) bool { return strings.HasPrefix(string(s), string(loginSource(""))) }

// asksLoginShell says whether OpenClaw asks the login shell for variables that it misses.
func (d *document) asksLoginShell() bool {
	on, _ := field(d.tree, "env", "shellEnv", "enabled").(bool)
	value := strings.ToLower(d.vars.text("OPENCLAW_LOAD_SHELL_ENV"))
	return on || slices.Contains([]string{"1", "true", "yes", "on"}, value)
}

// askLoginShell starts the login shell as OpenClaw does: bash as an interactive one, because
// ~/.bashrc ends early in others. A shell that does not answer in time says nothing.
func (d *document) askLoginShell() map[string]variable {
	shell := getenv(d.vars.process, "SHELL")
	switch {
	case runtime.GOOS == "windows":
		return nil
	case !filepath.IsAbs(shell): // OpenClaw does the same
		shell = "/bin/sh"
	}
	for _, name := range startupFiles {
		d.files.note(filepath.Join(d.paths.home, name))
	}
	how := "-lc"
	if filepath.Base(shell) == "bash" {
		how = "-lic"
	}
	ctx, cancel := context.WithTimeout(d.files.ctx, loginShellLimit)
	defer cancel()
	told, _ := runQuietly(ctx, exec.CommandContext(ctx, shell, how, tellPath), d.vars.process, d.paths.home)
	_, told, _ = strings.Cut(told, marker)
	found := map[string]variable{}
	for _, name := range loginVariables {
		if value, ok := entryOf(told, name); ok {
			found[name] = variable{value, loginSource(name)}
		}
	}
	return found
}

// withoutLogin keeps the login shell from being asked until the returned function is called: where
// openclaw.json says how to sign in, the shell has nothing to add, and starting it takes time.
func (v *variables) withoutLogin() (restore func()) {
	login := v.login
	v.login = nil
	return func() { v.login = login }
}
