package openclaw

import (
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// XS8: the real npm gets our arguments and a registry that an attacker controls. It
// installs only what the lock file allows, and runs no script.
func TestXS8_RealNpmFollowsTheLockFile(t *testing.T) {
	node, npm := realNpm(t)
	ran := filepath.Join(t.TempDir(), "ran")
	tarball := func(content string) ([]byte, string) {
		manifest := fmt.Sprintf(`{"name":"openclaw","version":%q,"scripts":{"preinstall":"echo >%[2]s","install":"echo >%[2]s","postinstall":"echo >%[2]s"}}`, DefaultOpenClawVersion, ran)
		packed := pack(t, entry{name: "package/package.json", content: manifest}, entry{name: "package/openclaw.mjs", content: content})
		sum := sha512.Sum512(packed)
		return packed, "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	}
	good, pinned := tarball("// good")
	evil, evilHash := tarball("// evil")
	lock := fmt.Sprintf(`{"name":"runtime","lockfileVersion":3,"requires":true,"packages":{"":{"name":"runtime","dependencies":{"openclaw":%q}},`+
		`"node_modules/openclaw":{"version":%[1]q,"integrity":%[2]q,"hasInstallScript":true}}}`, DefaultOpenClawVersion, pinned)

	for name, c := range map[string]struct {
		serves    []byte
		announces string
		says      string
	}{
		"the right one":                   {good, pinned, ""},
		"another one with its hash":       {evil, evilHash, "npm error code EINTEGRITY"},
		"another one with the right hash": {evil, pinned, "npm error code EINTEGRITY"},
	} {
		t.Run(name, func(t *testing.T) {
			var address string
			reg := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, ".tgz") {
					w.Write(c.serves)
					return
				}
				fmt.Fprintf(w, `{"name":"openclaw","dist-tags":{"latest":%q},"versions":{%[1]q:{"name":"openclaw","version":%[1]q,"hasInstallScript":true,`+
					`"dist":{"tarball":"%s/openclaw.tgz","integrity":%q}}}}`, DefaultOpenClawVersion, address, c.announces)
			}))
			defer reg.Close()
			address = reg.URL
			out, dir := runRealNpm(t, node, npm, reg.URL, lock)
			if c.says == "" && !strings.Contains(out, "added 1 package") || !strings.Contains(out, c.says) {
				t.Errorf("npm said\n%s", out)
			}
			installed, _ := os.ReadFile(filepath.Join(dir, "node_modules", "openclaw", "openclaw.mjs"))
			if got := string(installed); got != "" && got != "// good" || c.says == "" && got == "" {
				t.Errorf("installed %q", got)
			}
			if exists(ran) {
				t.Error("a script has run")
			}
		})
	}
}

// runRealNpm runs npm as an installer does, with another lock file.
func runRealNpm(t *testing.T, node, npm, registry, lock string) (output, dir string) {
	dir = t.TempDir()
	env := []string{"npm_config_registry=" + registry, "npm_config_globalconfig=/nonexistent", "npm_config_fetch_retries=0", "PATH=" + os.Getenv("PATH")}
	i, err := newInstaller(InstallOptions{DataDir: t.TempDir(), Home: t.TempDir(), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	args, err := i.npmArguments(filepath.Join(npm, "bin", "npm-cli.js"), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "package-lock.json"), []byte(lock), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, args...)
	cmd.Env, cmd.Dir = append(i.npmEnv(managed{node: node}), "HOME="+i.o.Home), dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), dir
}
