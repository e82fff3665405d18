package openclaw

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestN2_GatewayCommand(t *testing.T) {
	m := newMachine(t)
	m.openclaw("/x/node_modules", "2026.9.6", engines)
	r := Runtime{Node: m.at("/n/bin/node"), Entry: m.at("/x/node_modules/openclaw/openclaw.mjs"), Path: "/n/bin:/usr/bin"}
	const token = "canary-token"
	c := r.Gateway(Launch{Child: Child{Args: []string{"--port", "18789", "--verbose"}, Set: []string{TokenVar + "=" + token}, Unset: []string{"LANGUAGE"}},
		RunID: "run-1", StartupTrace: true, Env: []string{
			"HOME=" + m.at(home), "PATH=/usr/bin", "LANG=C", "LANGUAGE=en", "OPENAI_API_KEY=kept", "NODE_EXTRA_CA_CERTS=/ca.pem", "SSL_CERT_FILE=/ca2.pem",
			"OPENCLAW_STATE_DIR=/state", "OPENCLAW_SKIP_CHANNELS=1", "OPENCLAW_DEBUG_SSE=peek", "NODE_ENV=production",
			// None of these may reach the gateway: they open debuggers, add a launcher, or
			// name another parent.
			"NODE_OPTIONS=--inspect", "NODE_COMPILE_CACHE=/c", "VSCODE_INSPECTOR_OPTIONS={}", "NODE_CHANNEL_FD=3",
			"INVOCATION_ID=i", "JOURNAL_STREAM=8:1", "SYSTEMD_EXEC_PID=1", "NOTIFY_SOCKET=/n", "XPC_SERVICE_NAME=x",
			"OPENCLAW_SYSTEMD_UNIT=u", "OPENCLAW_SUPERVISOR_MODE=external", "OPENCLAW_GATEWAY_PORT=1", "OPENCLAW_PROFILE=p",
			"OPENCLAW_GATEWAY_TOKEN=other", "OPENCLAW_NO_RESPAWN=0", "CLAWTRAY_RUN_ID=old",
		}})
	want := []string{r.Entry, "gateway", "--port", "18789", "--verbose"}
	if c.Path != r.Node || !slices.Equal(c.Args, want) || c.Dir != m.at(home) {
		t.Errorf("%s %q in %s", c.Path, c.Args, c.Dir)
	}
	env := slices.Sorted(slices.Values(c.Env))
	wantEnv := []string{
		"CLAWTRAY_RUN_ID=run-1", "HOME=" + m.at(home), "LANG=C", "NODE_DISABLE_COMPILE_CACHE=1", "NODE_ENV=production", "NODE_EXTRA_CA_CERTS=/ca.pem", "OPENAI_API_KEY=kept",
		"OPENCLAW_DEBUG_SSE=peek", "OPENCLAW_DISABLE_BONJOUR=1", "OPENCLAW_EXEC_SHELL_SNAPSHOT=0", "OPENCLAW_GATEWAY_STARTUP_TRACE=1", "OPENCLAW_GATEWAY_TOKEN=" + token,
		"OPENCLAW_NO_RESPAWN=1", "OPENCLAW_SKIP_CHANNELS=1", "OPENCLAW_STATE_DIR=/state", "PATH=/n/bin:/usr/bin", "SSL_CERT_FILE=/ca2.pem",
	}
	if !slices.Equal(env, wantEnv) {
		t.Errorf("environment\n%q\nwant\n%q", env, wantEnv)
	}
	if strings.Contains(strings.Join(append(c.Args, c.Path, c.Dir), " "), token) {
		t.Error("P34: the token is in an argument")
	}
}

func TestN2_VariablesOfTheChildWin(t *testing.T) {
	r := Runtime{Node: "/n/node", Entry: "/x/openclaw.mjs"}
	c := r.Gateway(Launch{Child: Child{Set: []string{"OPENCLAW_STATE_DIR=/s", "OPENCLAW_CONFIG_PATH=/c.json"}}, Env: []string{"OPENCLAW_STATE_DIR=/user", "PATH=/usr/bin"}})
	for key, want := range map[string]string{"OPENCLAW_STATE_DIR": "/s", "OPENCLAW_CONFIG_PATH": "/c.json", "PATH": "/n" + string(filepath.ListSeparator) + "/usr/bin"} {
		if got := getenv(c.Env, key); got != want {
			t.Errorf("%s=%s, want %s", key, got, want)
		}
	}
	if _, ok := lookup(r.Gateway(Launch{}).Env, "OPENCLAW_STATE_DIR"); ok {
		t.Error("a state directory out of nowhere")
	}
}

// N2: only the settings can set Node's options, and the logged command shows them.
func TestN2_NodeOptionsOfTheSettings(t *testing.T) {
	r := Runtime{Node: "/n/node", Entry: "/x/openclaw.mjs"}
	c := r.Gateway(Launch{Child: Child{Args: []string{"--port", "1"}, Set: []string{TokenVar + "=canary-token"}}, NodeOptions: "--max-old-space-size=8192", Env: []string{"NODE_OPTIONS=--inspect"}})
	if got := getenv(c.Env, "NODE_OPTIONS"); got != "--max-old-space-size=8192" {
		t.Errorf("NODE_OPTIONS=%s", got)
	}
	want := `NODE_OPTIONS="--max-old-space-size=8192" /n/node /x/openclaw.mjs gateway --port 1`
	if c.String() != want {
		t.Errorf("shown as %s", c)
	}
	if c = r.Gateway(Launch{}); strings.Contains(c.String(), "NODE_OPTIONS") {
		t.Errorf("without options shown as %s", c)
	}
}

func TestP28_LoopbackIsExcludedFromProxies(t *testing.T) {
	const loopback = "127.0.0.1,localhost,::1"
	for _, c := range []struct {
		env          []string
		upper, lower string
	}{
		{nil, "", ""},
		{[]string{"NO_PROXY=corp"}, "corp", ""}, // without a proxy there is nothing to exclude
		{[]string{"HTTP_PROXY=http://p"}, loopback, loopback},
		{[]string{"https_proxy=http://p", "NO_PROXY=corp"}, "corp," + loopback, "corp," + loopback},
		{[]string{"ALL_PROXY=socks5://p", "no_proxy=corp, localhost"}, "corp,localhost,127.0.0.1,::1", "corp,localhost,127.0.0.1,::1"},
		{[]string{"HTTP_PROXY=http://p", "NO_PROXY=a", "no_proxy=b"}, "a," + loopback, "b," + loopback},
		{[]string{"HTTP_PROXY=http://p", "NO_PROXY=*"}, "*", "*"},
		{[]string{"HTTP_PROXY="}, "", ""},
	} {
		env := Runtime{Node: "/n/node"}.Gateway(Launch{Env: c.env}).Env
		upper, lower := getenv(env, "NO_PROXY"), getenv(env, "no_proxy")
		if runtime.GOOS == "windows" {
			continue // on Windows both names are one variable; the table is for systems with two
		}
		if upper != c.upper || lower != c.lower {
			t.Errorf("%q: NO_PROXY=%q no_proxy=%q, want %q and %q", c.env, upper, lower, c.upper, c.lower)
		}
	}
}

func TestN2_WorkingFolderExists(t *testing.T) {
	if dir := (Runtime{}).Gateway(Launch{Env: []string{"HOME=/nonexistent/home"}}).Dir; !exists(dir) {
		t.Errorf("the Gateway would start in %s", dir)
	}
}

// stubDoctor returns a Node that runs a script instead of "openclaw doctor".
func stubDoctor(t *testing.T, script string) (Runtime, Launch) {
	if runtime.GOOS == "windows" {
		t.Skip("the stub Node is a shell script")
	}
	m := newMachine(t)
	m.file("/n/node", "#!/bin/sh\n"+script, 0o755)
	return Runtime{Node: m.at("/n/node"), Entry: "/x/openclaw.mjs", Path: "/usr/bin:/bin"}, Launch{Env: []string{"HOME=" + m.at(home), "MARK=" + m.at("/mark")}}
}

func TestB7_Doctor(t *testing.T) {
	r, l := stubDoctor(t, `echo "$@"; echo "run id: $CLAWTRAY_RUN_ID"; echo removed gateway.bogus >&2`)
	l.RunID = "run-1"
	out, err := r.Doctor(l).CombinedOutput()
	if err != nil || string(out) != "/x/openclaw.mjs doctor --fix --yes --non-interactive\nrun id: \nremoved gateway.bogus\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestN2_CappedKeepsBothEnds(t *testing.T) {
	var c capped
	for range 3 * maxOutput / 10 {
		if n, err := c.Write([]byte("0123456789")); n != 10 || err != nil {
			t.Fatal(n, err)
		}
	}
	if s := c.String(); len(s) > maxOutput+16 || !strings.HasPrefix(s, "0123") || !strings.HasSuffix(s, "6789") || !strings.Contains(s, "[...]") {
		t.Errorf("%d bytes", len(s))
	}
	var small capped
	small.Write([]byte("a"))
	small.Write([]byte("b"))
	if small.String() != "ab" {
		t.Errorf("%q", small.String())
	}
}

func TestEnviron(t *testing.T) {
	env := []string{"A=1", "B=2", "A=3", "=C:=C:\\x", "broken"}
	if v, ok := lookup(env, "A"); v != "3" || !ok {
		t.Error("the last entry wins, as in os/exec")
	}
	if got := with(env, "A", "4"); !slices.Equal(got, []string{"B=2", "=C:=C:\\x", "broken", "A=4"}) {
		t.Errorf("%q", got)
	}
	if env[0] != "A=1" {
		t.Error("the caller's environment was changed")
	}
}

func TestN1_Upgrade(t *testing.T) {
	m := newMachine(t)
	m.openclaw("/x/node_modules", "2026.9.6", engines)
	m.node("/n/node", "24.21.0")
	dir := m.at("/x/node_modules/openclaw")
	r := Runtime{Node: m.at("/n/node"), Entry: filepath.Join(dir, "openclaw.mjs"), Dir: dir, Version: "2026.9.6", Source: "PATH"}
	if v, err := r.Installed(); v != "2026.9.6" || err != nil {
		t.Fatal(v, err)
	}
	m.openclaw("/x/node_modules", "2026.10.1", engines)
	if v, err := r.Installed(); v != "2026.10.1" || err != nil {
		t.Error(v, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if v, err := r.Installed(); v != "" || err == nil {
		t.Error(v, err)
	}
}
