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

	"clawtray/rpc/redact"
)

var npmCode = regexp.MustCompile(`npm (?:error|ERR!) code ([A-Z0-9_]+)`)

// runNpm installs OpenClaw into the folder of m, with the managed npm and Node.
func (i *installer) runNpm(ctx context.Context, m managed, npm string) error {
	i.of = "OpenClaw " + i.o.OpenClawVersion
	i.at("Installing " + i.of)
	prefix := filepath.Join(m.dir, "openclaw")
	if err := os.MkdirAll(prefix, 0o700); err != nil {
		return err
	}
	args, err := i.npmArguments(npm, prefix)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, m.node, args...)
	apart(cmd)
	cmd.Dir, cmd.Env, cmd.WaitDelay = prefix, i.npmEnv(m), outputGrace
	out := npmOutput{i: i}
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
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

// npmOutput reads npm's output. A line about a fetched package is progress; all other lines
// are kept.
type npmOutput struct {
	i     *installer
	kept  capped
	line  []byte // the current, unfinished line; at most maxOutput bytes
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

// end handles a complete line.
func (o *npmOutput) end() {
	if bytes.HasPrefix(o.line, []byte("npm http ")) {
		if o.items++; o.i.o.Progress != nil {
			o.i.o.Progress(Progress{Step: o.i.step, Of: o.i.of, Items: o.items})
		}
	} else {
		line := []byte(redact.PrintableLine(o.i.lines(string(o.line))) + "\n")
		o.kept.Write(line)
		o.i.o.Log.Write(line) // ignore errors, because a broken log must not stop the installation
	}
	o.line = o.line[:0]
}

// npmEnv returns the user's environment for npm. The managed Node comes first in PATH,
// because scripts of packages start "node" by name. Variables that make npm install
// elsewhere or skip the check of certificates are removed.
func (i *installer) npmEnv(m managed) []string {
	env := without(i.o.Env, func(key string) bool {
		switch strings.ToLower(key) {
		case "npm_config_global", "npm_config_prefix", "npm_config_location", "npm_config_dry_run", "npm_config_cache",
			"node_tls_reject_unauthorized": // would let anybody between us and the registry replace its answers
			return true
		}
		return hijacks(key)
	})
	f := newFinder(context.Background(), Search{Home: i.o.Home, Env: without(i.o.Env, func(k string) bool { return sameVar(k, "SHELL") })})
	return uncached(with(env, "PATH", f.childPath(m.node)))
}

// npmSentence returns the most informative line of npm's output.
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
