package openclaw

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"clawtray/rpc/redact"
)

// ErrConfigured is the error of FirstRun when openclaw.json exists.
var ErrConfigured = fmt.Errorf("OpenClaw has a configuration already: %w", fs.ErrExist)

// NewToken returns a new token with 256 random bits, 43 characters like OpenClaw's own. It
// is for a first configuration; a Gateway that has a configuration never gets a token from
// us (BEHAVIOUR O6).
func NewToken() string {
	var random [tokenBytes]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// FirstRun lets OpenClaw write its first configuration, with gateway.mode local and a
// token. So the dashboard, the user's own `openclaw` commands and clawtray use the same
// token from the beginning (BEHAVIOUR O6). A token or password in the environment is kept.
// FirstRun returns the new configuration, or ErrConfigured.
//
// It takes 4 s on a quiet machine (measured, 2026.9.6). The caller limits it with ctx. The
// token goes through a pipe, because other users of the machine can read arguments.
func FirstRun(ctx context.Context, r Runtime, in Inputs) (Effective, error) {
	before, err := NewReader(in).Read(ctx)
	if err != nil {
		return Effective{}, err
	}
	if before.File.Exists {
		return Effective{}, ErrConfigured
	}
	patch, token := firstConfiguration(before)
	launch := Launch{Env: in.Env}
	if p := before.Paths; p.Profile != "" {
		launch.Child.Set = []string{"OPENCLAW_STATE_DIR=" + p.StateDir, "OPENCLAW_CONFIG_PATH=" + p.ConfigPath}
	}
	output, err := r.configPatch(ctx, launch, patch)
	hide := redact.New(token)
	hide.AddEnv(in.Env)
	output = hide.String(output)
	if err != nil {
		return Effective{}, fmt.Errorf("OpenClaw could not write its first configuration: %w\n%s", err, output)
	}
	after, err := NewReader(in).Read(ctx)
	if err == nil {
		err = after.Startable()
	}
	if err == nil && !after.File.Exists {
		err = errors.New("there is still none at " + after.Paths.ConfigPath)
	}
	if err != nil {
		return Effective{}, fmt.Errorf("OpenClaw's first configuration cannot be used: %w\n%s", err, output)
	}
	return after, nil
}

// firstConfiguration returns the first configuration for e, and the secret in it.
func firstConfiguration(e Effective) (patch []byte, token string) {
	type auth struct {
		Mode  string `json:"mode"`
		Token string `json:"token"`
	}
	var doc struct {
		Gateway struct {
			Mode string `json:"mode"`
			Auth *auth  `json:"auth,omitempty"`
		} `json:"gateway"`
	}
	doc.Gateway.Mode = "local"
	// A password in the environment, or a token in .env, is meant for every OpenClaw of
	// this user.
	known, ok := e.SignIn.Secret().Value()
	fromProcess := e.childToken() != ""
	switch {
	case ok && fromProcess:
		token = known
	case !ok:
		token = NewToken()
	}
	if token != "" {
		doc.Gateway.Auth = &auth{Mode: SignInToken, Token: token}
	}
	patch, err := json.Marshal(doc)
	if err != nil {
		panic(err) // cannot happen, because the value has only texts
	}
	return patch, token
}

// configPatch runs "openclaw config patch", which reads the change from its standard input.
func (r Runtime) configPatch(ctx context.Context, l Launch, patch []byte) (output string, err error) {
	c := Command{Path: r.Node, Args: []string{r.Entry, "config", "patch", "--stdin"}, Env: r.environ(l), Dir: workDir(l)}
	cmd := c.Exec(ctx)
	apart(cmd)
	cmd.WaitDelay = patchGrace
	cmd.Stdin = bytes.NewReader(patch)
	var out capped
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return strings.TrimSpace(out.String()), err
}
