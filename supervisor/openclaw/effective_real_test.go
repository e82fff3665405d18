//go:build unix

package openclaw

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestO1_RealGateway starts a Gateway with Child's arguments and variables. Its
// configuration is in two files, with the port in the env block, the token in .env, and
// TLS. The Gateway must answer at the address of Effective, with the certificate that
// Effective names.
func TestO1_RealGateway(t *testing.T) {
	r := realRuntime(t)
	h := newUserHome(t)
	h.setenv("HOME="+h.dir, "PATH="+os.Getenv("PATH"), "OPENCLAW_SKIP_CHANNELS=1")
	h.in.Profile = "work"
	h.write(".openclaw-work/openclaw.json", fmt.Sprintf(`/* see https://example.org */
{ env: { vars: { OPENCLAW_GATEWAY_PORT: "%d" } }, gateway: { mode: 'local', port: 1, bind: "loopback", $include: ["./tls.json5"], auth: { mode: "token", token: "$MY_TOKEN" }, }, }`, freePort(t)))
	h.write(".openclaw-work/tls.json5", `{tls: {enabled: true}, controlUi: {basePath: "/claw"}}`)
	h.write(".openclaw-work/.env", "MY_TOKEN='abc # d'\n")
	before := h.mustRead()
	if err := before.Startable(); err != nil {
		t.Fatal(err)
	}
	start(t, r, h, before.Child(), "server listening")
	e := h.mustRead()
	pinned, err := e.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	get := func(url string, client *http.Client) (int, string, error) {
		response, err := client.Get(url)
		if err != nil {
			return 0, "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		return response.StatusCode, string(body), err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: pinned}}
	defer client.CloseIdleConnections()
	if code, _, err := get(e.HTTP("/healthz"), client); err != nil || code != http.StatusOK {
		t.Errorf("%s: %d, %v", e.HTTP("/healthz"), code, err)
	}
	if code, body, err := get(e.Dashboard(), client); err != nil || code != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("%s: %d, %v", e.Dashboard(), code, err)
	}
	other := &http.Client{Transport: &http.Transport{TLSClientConfig: PinnedTLS(strings.Repeat("0", 64))}}
	if _, _, err := get(e.HTTP("/healthz"), other); !errors.Is(err, ErrWrongCertificate) {
		t.Errorf("with another pin: %v", err)
	}
	if secret, _ := e.SignIn.Secret().Value(); secret != "abc # d" {
		t.Errorf("the token is %q", secret)
	}
}

// TestXU2_RealGuard: without gateway.mode, OpenClaw refuses to start with Child's
// arguments, as Startable says.
func TestXU2_RealGuard(t *testing.T) {
	r := realRuntime(t)
	h := newUserHome(t)
	h.setenv("HOME="+h.dir, "PATH="+os.Getenv("PATH"), "OPENCLAW_SKIP_CHANNELS=1", "OPENCLAW_GATEWAY_TOKEN=abc")
	h.config(`{meta: {}}`)
	e := h.mustRead()
	if err := e.Startable(); !IsConfigError(err, ConfigModeMissing) {
		t.Errorf("%v", err)
	}
	start(t, r, h, e.Child(), "existing config is missing gateway.mode")
}

// start runs a Gateway and waits until it prints a line with these words. The Gateway ends
// with the test.
func start(t *testing.T, r Runtime, h *userHome, c Child, until string) {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	env := r.environ(Launch{Env: h.in.Env})
	for _, name := range c.Unset {
		env = without(env, func(key string) bool { return key == name })
	}
	cmd := Command{Path: r.Node, Args: append([]string{r.Entry, "gateway"}, c.Args...), Env: append(env, c.Set...), Dir: h.dir}.Exec(ctx)
	apart(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute // after this time it is killed
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	in.Close()
	if err != nil {
		end()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end()
		cmd.Wait()
		out.Close()
	})
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if said = append(said, lines.Text()); strings.Contains(lines.Text(), until) {
			go io.Copy(io.Discard, out) // a full pipe would block the Gateway; the goroutine ends with the Cleanup
			return
		}
	}
	t.Fatalf("it did not say %q:\n%s", until, strings.Join(said, "\n"))
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
