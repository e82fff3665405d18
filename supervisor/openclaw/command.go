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

// RunIDVar contains the random id of the run of clawtray that started a process. With it, a
// later run recognises its own orphans (BEHAVIOUR M2).
const RunIDVar = "CLAWTRAY_RUN_ID"

// patchGrace is how long "config patch" may take to end after its time is up, before it is
// killed.
const patchGrace = 5 * time.Second

// Launch is what is needed to start a Gateway.
type Launch struct {
	Child Child // arguments and variables that describe the Gateway, from [Effective.Child]
	RunID string

	Env         []string // the user's environment
	NodeOptions string   // the value of NODE_OPTIONS; the one in Env is ignored
	// CacheDir is clawtray's cache directory. Node keeps compiled code between starts in
	// CompileCache(CacheDir). If CacheDir is empty, or MakePrivate refuses that folder, the compile
	// cache is off and every start is a cold start.
	CacheDir     string
	StartupTrace bool // lets the Gateway print "startup trace:" lines
}

// Command is a program to spawn.
type Command struct {
	Path string
	Args []string // without the program
	Env  []string
	Dir  string
}

// String returns the command line. NODE_OPTIONS from the environment is included, because
// it changes what the command does. The rest of the environment may hold secrets and is
// left out, also in the other text forms.
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

// Gateway returns the command that runs the Gateway in the foreground. The process that it
// starts is the Gateway itself, without a launcher (measured, OpenClaw 2026.6.11 and
// 2026.9.6).
func (r Runtime) Gateway(l Launch) Command {
	args := append([]string{r.Entry, "gateway"}, l.Child.Args...)
	return Command{Path: r.Node, Args: args, Env: r.environ(l), Dir: workDir(l)}
}

// Doctor returns "openclaw doctor", which repairs the configuration: it rewrites
// openclaw.json and removes what the Gateway does not know. It takes 2 to 8 s, and up to
// 150 s on a busy machine (measured, OpenClaw 2026.3.13 to 2026.9.6). The command has no
// context, because doctor must not be stopped while it writes (BEHAVIOUR Q1). doctor goes
// on when clawtray ends, so the caller must send its output to a file. It has no run id, so
// that it does not look like a process that a Gateway has left behind.
func (r Runtime) Doctor(l Launch) *exec.Cmd {
	l.RunID = ""
	cmd := exec.Command(r.Node, r.Entry, "doctor", "--fix", "--yes", "--non-interactive")
	cmd.Env, cmd.Dir = r.environ(l), workDir(l)
	apart(cmd)
	cmd.Cancel = nil // no context may end it
	return cmd
}

// workDir is the working folder of the Gateway: the user's home, because our own working
// folder may be removed.
func workDir(l Launch) string {
	for _, key := range []string{"HOME", "USERPROFILE"} {
		if dir := getenv(l.Env, key); dir != "" {
			return existingDir(dir)
		}
	}
	return existingDir("")
}

// keptVariables are the OPENCLAW_ variables that are settings of the user
// (docs/help/environment.md of OpenClaw 2026.9.6). A name that ends in "_" means all names
// that begin with it. All other OPENCLAW_ variables say how and by whom an OpenClaw process
// was started, which is wrong for a Gateway that we start. OPENCLAW_PROFILE is left out,
// because it selects another log but not another state folder (measured, 2026.9.6).
var keptVariables = []string{
	"OPENCLAW_HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_CONFIG_READONLY", "OPENCLAW_WORKSPACE_DIR",
	"OPENCLAW_INCLUDE_ROOTS", "OPENCLAW_GATEWAY_PASSWORD", "OPENCLAW_VAULT_", "OPENCLAW_NIX_MODE",
	"OPENCLAW_SKIP_CHANNELS", "OPENCLAW_SKIP_PROVIDERS", "OPENCLAW_BROWSER_HEADLESS", "OPENCLAW_ALLOW_INSECURE_PRIVATE_WS",
	"OPENCLAW_LOAD_SHELL_ENV", "OPENCLAW_SHELL_ENV_TIMEOUT_MS", "OPENCLAW_OFFLINE", "OPENCLAW_NO_AUTO_UPDATE",
	"OPENCLAW_LOG_LEVEL", "OPENCLAW_DEBUG_", "OPENCLAW_DIAGNOSTICS", "OPENCLAW_DIAGNOSTICS_",
}

// isSetting reports whether a variable is one of keptVariables.
func isSetting(key string) bool {
	return slices.ContainsFunc(keptVariables, func(kept string) bool {
		return key == kept || strings.HasSuffix(kept, "_") && strings.HasPrefix(key, kept)
	})
}

// nodeOptions is the variable with further options for Node. Only clawtray's settings
// decide its value, because the value in a terminal or an editor is meant for other
// programs.
const nodeOptions = "NODE_OPTIONS"

// hijacks reports whether a variable changes how a Node or a Gateway works, or makes it
// believe that it was started by another program (measured, OpenClaw 2026.6.11 to
// 2026.9.6).
func hijacks(key string) bool {
	// Windows ignores case; on other systems nobody writes these names in lower case.
	switch key = strings.ToUpper(key); key {
	case nodeOptions, // preloads code and opens debuggers
		"NODE_INSPECT_RESUME_ON_START", "VSCODE_INSPECTOR_OPTIONS", "NODE_REPL_EXTERNAL_MODULE", // debuggers of an editor's terminal
		"NODE_COMPILE_CACHE", "NODE_DISABLE_COMPILE_CACHE", // withCache sets them
		"NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID", // a pipe to a parent Node that does not exist
		"APPIMAGE", "APPDIR", "ARGV0", "OWD", // about our own AppImage
		"NODE_V8_COVERAGE",                                                                                                                                    // writes files for the program that measures us
		"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC", // clawtray is systemd's child, not the Gateway
		"XPC_SERVICE_NAME", "LAUNCH_JOB_LABEL": // the same for launchd
		return true
	}
	return strings.HasPrefix(key, "OPENCLAW_") && !isSetting(key) || key == RunIDVar
}

// environ makes the Gateway's environment from the user's.
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
	if l.RunID != "" {
		set(RunIDVar, l.RunID)
	}
	if l.StartupTrace {
		set("OPENCLAW_GATEWAY_STARTUP_TRACE", "1")
	}
	return l.Child.environ(excludeLoopback(r.withCache(env, l.CacheDir)))
}

// path returns the PATH for the Gateway. Our Node comes first, also when the Runtime does
// not come from Resolve.
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

// cacheRespawned tells OpenClaw's launcher that the compile cache is already set. Without
// this variable, NODE_COMPILE_CACHE makes the launcher stay as the parent of the Gateway
// (measured, OpenClaw 2026.6.11 to 2026.9.6).
const cacheRespawned = "OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED"

// maxEntry limits how much of openclaw.mjs is read; the file has 40 kB.
const maxEntry = 1 << 20

// withCache sets Node's compile cache to our own folder below dir, or turns it off. Without
// this, OpenClaw uses a folder in the temporary directory, where another user can place
// code that we would run. The text of the entry file shows whether OpenClaw starts a second
// process when the cache is set, so this works without a list of versions.
func (r Runtime) withCache(env []string, dir string) []string {
	raw, _, err := readLimited(r.Entry, maxEntry)
	known := bytes.Contains(raw, []byte(cacheRespawned))
	simple := !known && !bytes.Contains(raw, []byte("spawn")) // 2026.3.13 never starts a second process
	if err != nil || dir == "" || !known && !simple || MakePrivate(CompileCache(dir)) != nil {
		return uncached(env)
	}
	if known {
		env = with(env, cacheRespawned, "1")
	}
	return with(env, "NODE_COMPILE_CACHE", CompileCache(dir))
}

// CompileCache returns the folder below cacheDir in which Node keeps compiled code.
func CompileCache(cacheDir string) string { return filepath.Join(cacheDir, "compile-cache") }

// uncached turns Node's compile cache off.
func uncached(env []string) []string {
	return with(without(env, func(key string) bool { return sameVar(key, "NODE_COMPILE_CACHE") }), "NODE_DISABLE_COMPILE_CACHE", "1")
}

// loopbackNames must never be reached through a proxy, because the Gateway's own clients
// use them (PAINS P28).
var loopbackNames = []string{"127.0.0.1", "localhost", "::1"}

// excludeLoopback extends NO_PROXY and no_proxy when a proxy is set. A program reads only
// one of the two, so both get the names of both.
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

// addNames appends the loopback names that are missing in a NO_PROXY list.
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
