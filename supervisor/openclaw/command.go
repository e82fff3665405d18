package openclaw

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// RunIDVar carries the random id of the run that owns a process, so that a later run can tell its
// own orphan from a stranger (BEHAVIOUR M2).
const RunIDVar = "CLAWTRAY_RUN_ID"

// doctorGrace is what doctor gets to end after its time is up, before it is killed.
const doctorGrace = 5 * time.Second

// Launch is what one start of a Gateway needs to know.
type Launch struct {
	Port  int
	Token string // goes by environment, never by argument
	RunID string

	// StateDir and ConfigPath move the Gateway's files; empty leaves what Env says, or OpenClaw's default.
	StateDir   string
	ConfigPath string

	Env         []string // the user's environment
	NodeOptions string   // NODE_OPTIONS, which Env's own never is
	// CacheDir is where Node keeps compiled code between starts; empty leaves it to Node, which
	// uses the temporary directory, so that the first start after a reboot is cold.
	CacheDir     string
	StartupTrace bool     // makes the Gateway print "startup trace:" lines
	Extra        []string // further arguments for "gateway"
}

// Command is a program to spawn.
type Command struct {
	Path string
	Args []string // without the program itself
	Env  []string
	Dir  string
}

// String is the command line with the environment's NODE_OPTIONS, which changes what it does like
// an argument. The rest of the environment holds secrets and is left out; so are its other forms.
func (c Command) String() string {
	line := strings.Join(append([]string{c.Path}, c.Args...), " ")
	if options := getenv(c.Env, nodeOptions); options != "" {
		line = nodeOptions + "=" + strconv.Quote(options) + " " + line
	}
	return line
}
func (c Command) GoString() string             { return c.String() }
func (c Command) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Exec returns c as an *exec.Cmd bound to ctx.
func (c Command) Exec(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	return cmd
}

// Gateway returns the command that runs the Gateway in the foreground on loopback. The spawned
// process is the Gateway itself, no launcher (measured, OpenClaw 2026.6.11 and 2026.9.6).
func (r Runtime) Gateway(l Launch) Command {
	args := []string{r.Entry, "gateway", "--port", strconv.Itoa(l.Port), "--bind", "loopback", "--allow-unconfigured"}
	return Command{Path: r.Node, Args: append(args, l.Extra...), Env: r.environ(l), Dir: workDir(l)}
}

// Doctor runs "openclaw doctor" to repair the configuration and returns what it printed, also
// after an error. It rewrites openclaw.json (and keeps a .bak). It takes 2 to 8 s (measured,
// OpenClaw 2026.3.13 to 2026.9.6); bound it with ctx (BEHAVIOUR B7: 120 s).
func (r Runtime) Doctor(ctx context.Context, l Launch) (output string, err error) {
	c := Command{Path: r.Node, Args: []string{r.Entry, "doctor", "--fix", "--yes", "--non-interactive"}, Env: r.environ(l), Dir: workDir(l)}
	cmd := c.Exec(ctx)
	apart(cmd)
	cmd.WaitDelay = doctorGrace
	var out capped
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.String(), err
}

// workDir is where the Gateway runs: the user's home, which unlike ours does not go away.
func workDir(l Launch) string {
	for _, key := range []string{"HOME", "USERPROFILE"} {
		if dir := getenv(l.Env, key); dir != "" {
			return existingDir(dir)
		}
	}
	return existingDir("")
}

// keptVariables are the OPENCLAW_ variables that are a user's settings (docs/help/environment.md
// of OpenClaw 2026.9.6); those ending in "_" stand for all that begin so. All others say how and
// by whom an OpenClaw process was started, and ours was started by us. OPENCLAW_PROFILE is left
// out: it names another log and not another state directory (measured, 2026.9.6).
var keptVariables = []string{
	"OPENCLAW_HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_CONFIG_READONLY", "OPENCLAW_WORKSPACE_DIR",
	"OPENCLAW_INCLUDE_ROOTS", "OPENCLAW_GATEWAY_PASSWORD", "OPENCLAW_VAULT_", "OPENCLAW_NIX_MODE",
	"OPENCLAW_SKIP_CHANNELS", "OPENCLAW_SKIP_PROVIDERS", "OPENCLAW_BROWSER_HEADLESS", "OPENCLAW_ALLOW_INSECURE_PRIVATE_WS",
	"OPENCLAW_LOAD_SHELL_ENV", "OPENCLAW_SHELL_ENV_TIMEOUT_MS", "OPENCLAW_OFFLINE", "OPENCLAW_NO_AUTO_UPDATE",
	"OPENCLAW_LOG_LEVEL", "OPENCLAW_DEBUG_", "OPENCLAW_DIAGNOSTICS", "OPENCLAW_DIAGNOSTICS_",
}

// isSetting says whether a variable is one of keptVariables.
func isSetting(key string) bool {
	return slices.ContainsFunc(keptVariables, func(kept string) bool {
		return key == kept || strings.HasSuffix(kept, "_") && strings.HasPrefix(key, kept)
	})
}

// nodeOptions names Node's further options. Only the user's settings decide them: those of a
// terminal or an editor are meant for other programs.
const nodeOptions = "NODE_OPTIONS"

// hijacks says whether a variable changes what a Node or a Gateway does, or whose child it takes
// itself for (measured, OpenClaw 2026.6.11 to 2026.9.6).
func hijacks(key string) bool {
	// Windows folds case; elsewhere nobody writes these in lower case.
	switch key = strings.ToUpper(key); key {
	case nodeOptions, // preloads code and opens debuggers
		"NODE_INSPECT_RESUME_ON_START", "VSCODE_INSPECTOR_OPTIONS", "NODE_REPL_EXTERNAL_MODULE", // debuggers of an editor's terminal
		"NODE_COMPILE_CACHE", "NODE_DISABLE_COMPILE_CACHE", // alone it makes a launcher stay as the parent
		"NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID", // a pipe to a Node parent that is not there
		"NODE_V8_COVERAGE",                                                                                                                                    // writes files for whoever measures us
		"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC", // systemd's child is us
		"XPC_SERVICE_NAME", "LAUNCH_JOB_LABEL": // launchd's too
		return true
	}
	return strings.HasPrefix(key, "OPENCLAW_") && !isSetting(key) || key == RunIDVar
}

// environ builds the Gateway's environment out of the user's.
func (r Runtime) environ(l Launch) []string {
	env := without(l.Env, hijacks)
	set := func(key, value string) { env = with(env, key, value) }
	set("PATH", r.path(l.Env))
	set("OPENCLAW_NO_RESPAWN", "1") // the process we spawn is the Gateway
	set("OPENCLAW_DISABLE_BONJOUR", "1")
	set("OPENCLAW_EXEC_SHELL_SNAPSHOT", "0")
	if l.NodeOptions != "" {
		set(nodeOptions, l.NodeOptions)
	}
	if l.Token != "" {
		set(TokenVar, l.Token)
	}
	if l.RunID != "" {
		set(RunIDVar, l.RunID)
	}
	if l.StateDir != "" {
		set("OPENCLAW_STATE_DIR", l.StateDir)
	}
	if l.ConfigPath != "" {
		set("OPENCLAW_CONFIG_PATH", l.ConfigPath)
	}
	if l.StartupTrace {
		set("OPENCLAW_GATEWAY_STARTUP_TRACE", "1")
	}
	if l.CacheDir != "" && r.keepsCompileCache() {
		set("NODE_COMPILE_CACHE", l.CacheDir)
		set(cacheRespawned, "1")
	}
	return excludeLoopback(env)
}

// path is the PATH for the Gateway, with our Node first also when the Runtime was not resolved.
func (r Runtime) path(env []string) string {
	if r.Path != "" {
		return r.Path
	}
	list := []string{filepath.Dir(r.Node)}
	if user := getenv(env, "PATH"); user != "" {
		list = append(list, user)
	}
	return strings.Join(list, string(filepath.ListSeparator))
}

// cacheRespawned tells OpenClaw's launcher that it runs with its compile cache already; without
// it NODE_COMPILE_CACHE makes the launcher stay as a parent of the Gateway (measured,
// OpenClaw 2026.6.11 to 2026.9.6).
const cacheRespawned = "OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED"

// maxEntry bounds what is read of openclaw.mjs, which has 40 kB.
const maxEntry = 1 << 20

// keepsCompileCache says whether this OpenClaw knows cacheRespawned: read in its entry file, so
// that no version number has to be known here.
func (r Runtime) keepsCompileCache() bool {
	raw, _, err := readLimited(r.Entry, maxEntry)
	return err == nil && bytes.Contains(raw, []byte(cacheRespawned))
}

// loopbackNames must never go through a proxy: the Gateway's own clients use them (PAINS P28).
var loopbackNames = []string{"127.0.0.1", "localhost", "::1"}

// excludeLoopback extends NO_PROXY and no_proxy when a proxy is set. Programs read one or the
// other, so both get what either says.
func excludeLoopback(env []string) []string {
	proxied := slices.ContainsFunc(env, func(entry string) bool {
		key, value, _ := strings.Cut(entry, "=")
		key = strings.ToUpper(key)
		return value != "" && (key == "HTTP_PROXY" || key == "HTTPS_PROXY" || key == "ALL_PROXY")
	})
	if !proxied {
		return env
	}
	upper, lower := getenv(env, "NO_PROXY"), getenv(env, "no_proxy")
	if upper == "" {
		upper = lower
	}
	if lower == "" {
		lower = upper
	}
	env = with(env, "NO_PROXY", addNames(upper))
	if !sameVar("NO_PROXY", "no_proxy") {
		env = with(env, "no_proxy", addNames(lower))
	}
	return env
}

// addNames appends the loopback names a NO_PROXY list lacks.
func addNames(list string) string {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	if slices.Contains(names, "*") {
		return list
	}
	for _, name := range loopbackNames {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}
