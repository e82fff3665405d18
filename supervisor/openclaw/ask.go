package openclaw

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// ErrCannotAsk means that this OpenClaw has no way to resolve a secret for another program.
var ErrCannotAsk = errors.New("this OpenClaw cannot be asked for a secret")

// NeedsAsking reports whether only OpenClaw can get the secret that clients sign in with:
// from a program, from its store, from a guarded file. [Reader.Ask] gets it.
func (e Effective) NeedsAsking() bool {
	s := e.openSecret()
	return s != nil && (s.State == SecretOnlyOpenClaw || s.asked)
}

// openSecret returns the secret that clients sign in with; nil when none is needed.
func (e *Effective) openSecret() *Secret {
	switch {
	case e.IsRemote() && e.Remote.Token.State != SecretAbsent:
		return &e.Remote.Token
	case e.IsRemote():
		return &e.Remote.Password
	case e.SignIn.Mode.Value == SignInToken:
		return &e.SignIn.Token
	case e.SignIn.Mode.Value == SignInPassword, e.SignIn.Mode.Value == SignInTrustedProxy:
		return &e.SignIn.Password
	}
	return nil
}

// Ask lets OpenClaw fetch the secret for which [Effective.NeedsAsking] is true. After that,
// Read returns the secret until one of the files changes. Each call of Ask fetches it
// again, because a program can return another secret without a change of any file. An error
// never contains a secret and changes nothing.
//
// Ask runs what the user has configured, such as a password manager, under OpenClaw's own
// conditions. Apart from that it takes 0.6 s of processor time (measured, 2026.9.6 and
// 2026.6.11). The caller limits it with ctx. No Gateway has to run, and OpenClaw's state is
// not written.
func (r *Reader) Ask(ctx context.Context, run Runtime, l Launch) (Effective, error) {
	before, err := r.answer(ctx)
	if err != nil {
		return Effective{}, err
	}
	e := before.effective
	if before.err != nil || !e.NeedsAsking() {
		return e, before.err
	}
	l.Child = e.Child()
	value, err := run.secret(ctx, l, before.question())
	if err != nil {
		return e, err
	}
	s := e.openSecret()
	*s = s.known(value)
	s.asked = true
	e.Secrets = NewSecrets(append(e.Secrets.Values(), s.value)...)
	after := *before
	after.effective = e
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == before {
		r.last = &after
	}
	return e, nil
}

// inherit copies the secret that an earlier answer got from OpenClaw, if both answers come
// from the same state of the files.
func (a *answer) inherit(last *answer) {
	if last == nil || last.err != nil || a.err != nil || !maps.EqualFunc(a.stamps, last.stamps, fileStamp.equal) {
		return
	}
	was, now := last.effective.openSecret(), a.effective.openSecret()
	if was != nil && now != nil && was.asked && now.State == SecretOnlyOpenClaw {
		*now = *was
		a.effective.Secrets = last.effective.Secrets
	}
}

// question is what OpenClaw needs to know to resolve a secret.
type question struct {
	Module string            `json:"module"` // OpenClaw's file that can resolve secrets
	Config map[string]any    `json:"config"`
	Key    string            `json:"key"`
	Value  any               `json:"value"` // the value in the configuration: a reference
	Env    map[string]string `json:"env"`   // variables that OpenClaw would add to the environment
}

func (a *answer) question() question {
	q := question{Key: a.effective.openSecret().key, Env: a.env,
		Config: map[string]any{"secrets": a.tree["secrets"], "plugins": a.tree["plugins"], "gateway": a.tree["gateway"]}}
	q.Value = field(a.tree, strings.Split(q.Key, ".")...)
	maps.DeleteFunc(q.Config, func(_ string, v any) bool { return v == nil })
	return q
}

// answerMark is printed before the answer, because OpenClaw may print other text, too.
const answerMark = "clawtray-answer:"

// askScript resolves the reference with a module that OpenClaw documents for its plugins
// (docs/plugins/sdk-subpaths.md, 2026.9.6). Question and answer go through pipes, because
// other users of the machine can read arguments.
const askScript = `import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const q = JSON.parse(readFileSync(0, "utf8"));
const { resolveConfiguredSecretInputString } = await import(pathToFileURL(q.module).href);
const { value, unresolvedRefReason } = await resolveConfiguredSecretInputString({
	config: q.config, env: { ...process.env, ...q.env }, value: q.value, path: q.key, unresolvedReasonStyle: "detailed" });
process.stdout.write("\n` + answerMark + `" + JSON.stringify({ value, reason: unresolvedRefReason }) + "\n", () => process.exit(0));
`

// secret runs askScript and returns the secret.
func (r Runtime) secret(ctx context.Context, l Launch, q question) (string, error) {
	q.Module = filepath.Join(filepath.Dir(r.Entry), "dist", "plugin-sdk", "secret-input-runtime.js")
	if _, err := os.Stat(q.Module); err != nil {
		return "", ErrCannotAsk
	}
	text, err := json.Marshal(q)
	if err != nil {
		return "", err
	}
	cmd := Command{Path: r.Node, Args: []string{"--input-type=module", "--eval", askScript}}.Exec(ctx)
	cmd.Stdin = bytes.NewReader(text)
	output, err := runQuietly(ctx, cmd, r.environ(l), workDir(l))
	_, answerText, found := strings.Cut(output, answerMark)
	var answer struct{ Value, Reason string }
	switch {
	case err != nil && ctx.Err() != nil:
		return "", fmt.Errorf("OpenClaw did not resolve %s in time: %w", q.Key, err)
	case err != nil, !found, json.NewDecoder(strings.NewReader(answerText)).Decode(&answer) != nil:
		return "", ErrCannotAsk // the output is left out, because it may contain the secret
	case trimJS(answer.Value) == "":
		return "", fmt.Errorf("OpenClaw cannot resolve %s: %s", q.Key, answer.Reason)
	}
	return answer.Value, nil
}
