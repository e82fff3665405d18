package openclaw

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

var npmCode = regexp.MustCompile(`npm (?:error|ERR!) code ([A-Z0-9_]+)`)

// runNpm lets the managed npm, run by the managed Node, install OpenClaw into the folder.
func (i *installer) runNpm(ctx context.Context, m managed, npm string) error {
	i.of = "OpenClaw " + i.o.OpenClawVersion
	i.at("Installing " + i.of)
	prefix := filepath.Join(m.dir, "openclaw")
	if err := os.MkdirAll(prefix, 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, m.node, npm, "install", "--prefix", prefix, "--cache", i.npmCache(),
		"--global=false", "--package-lock=true", "--include=optional", "--no-audit", "--no-fund", "--no-update-notifier", "--no-progress", "--loglevel=http",
		"openclaw@"+i.o.OpenClawVersion)
	apart(cmd)
	cmd.Dir, cmd.Env, cmd.WaitDelay = prefix, i.npmEnv(m), outputGrace
	out := npmOutput{i: i}
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if len(out.line) > 0 {
		out.end()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		return failed(NotRunning, "the new Node cannot be started (%w)", err)
	}
	if code := npmCode.FindStringSubmatch(out.kept.String()); code != nil {
		return failed(cmp.Or(npmKinds[code[1]], InstallFailed), "npm ended with %s (%s)", code[1], npmSentence(out.kept.String()))
	}
	return failed(InstallFailed, "npm ended with %w: %s", err, npmSentence(out.kept.String()))
}

// npmOutput takes npm's output: a line for each thing fetched is progress, the rest is kept.
type npmOutput struct {
	i     *installer
	kept  capped
	line  []byte // the unfinished one, at most maxOutput
	items int
}

func (o *npmOutput) Write(p []byte) (int, error) {
	n := len(p)
	for {
		part, rest, whole := bytes.Cut(p, []byte("\n"))
		o.line = append(o.line, part[:min(len(part), maxOutput-len(o.line))]...)
		if !whole {
			return n, nil
		}
		o.end()
		p = rest
	}
}

// end deals with a finished line.
func (o *npmOutput) end() {
	if bytes.HasPrefix(o.line, []byte("npm http ")) {
		if o.items++; o.i.o.Progress != nil {
			o.i.o.Progress(Progress{Step: o.i.step, Of: o.i.of, Items: o.items})
		}
	} else {
		line := append(o.line, '\n')
		o.kept.Write(line)
		o.i.o.Log.Write(line) // a log that fails must not stop an installation
	}
	o.line = o.line[:0]
}

// npmEnv is the user's environment with the managed Node first in PATH, because package scripts
// start "node" by name, and without variables that send npm elsewhere.
func (i *installer) npmEnv(m managed) []string {
	env := without(i.o.Env, func(key string) bool {
		switch strings.ToLower(key) {
		case "npm_config_global", "npm_config_prefix", "npm_config_location", "npm_config_dry_run", "npm_config_cache":
			return true
		}
		return hijacks(key)
	})
	f := newFinder(context.Background(), Search{Home: i.o.Home, Env: without(i.o.Env, func(k string) bool { return sameVar(k, "SHELL") })})
	return with(env, "PATH", f.childPath(m.node))
}

// npmSentence is the line of npm's output that says most.
func npmSentence(out string) string {
	last := "no output"
	for line := range strings.Lines(out) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "npm error ")
		if ok && !strings.HasPrefix(text, "code ") && !strings.HasPrefix(text, "errno ") && !strings.HasPrefix(text, "syscall ") &&
			!strings.HasPrefix(text, "path ") && !strings.HasPrefix(text, "command ") {
			return cut(text, 200)
		}
		if trimmed := strings.TrimSpace(line); trimmed != "" {
			last = cut(trimmed, 200)
		}
	}
	return last
}
