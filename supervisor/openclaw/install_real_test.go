package openclaw

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runtimesVar lists folders for real runtimes, separated as in PATH; packaging/runtime.sh
// sets it. The first one is for the pinned runtime.
const runtimesVar = "CLAWTRAY_TEST_RUNTIMES"

// TestN3_RealInstall installs from the registry that this machine uses, with an environment
// that has no Node, no npm and no home: PATH has only basic tools. When the runtime already
// exists, for example after packaging/runtime.sh, it checks that file by file instead.
func TestN3_RealInstall(t *testing.T) {
	dirs := filepath.SplitList(os.Getenv(runtimesVar))
	if len(dirs) == 0 {
		const how = "set " + runtimesVar + " to a folder to install 1 GB into, as `make test` does"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	dir := dirs[0]
	home := t.TempDir()
	env := []string{"PATH=" + basicTools(t), "HOME=" + home}
	for _, entry := range os.Environ() {
		key, _, _ := strings.Cut(entry, "=")
		if k := strings.ToLower(key); strings.HasPrefix(k, "npm_config_") || strings.HasSuffix(k, "_proxy") || strings.HasPrefix(k, "ssl_cert") || k == "node_extra_ca_certs" {
			env = append(env, entry)
		}
	}
	began, last := time.Now(), ""
	r, err := Install(context.Background(), InstallOptions{DataDir: dir, Home: home, Env: env, Progress: func(p Progress) {
		if p.Step != last {
			last = p.Step
			t.Logf("%6.1f s  %s", time.Since(began).Seconds(), p.Step)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%6.1f s  done: %s", time.Since(began).Seconds(), r.Dir)
	got, trace, err := Resolve(context.Background(), Search{Home: home, DataDir: dir, Env: env, Root: t.TempDir()})
	if err != nil || got.Entry != r.Entry || got.Version != DefaultOpenClawVersion || got.NodeVersion != DefaultNodeVersion {
		t.Fatalf("Resolve = %+v, %v\n%v", got, err, trace)
	}
}

// basicTools returns a folder with the few programs that npm's scripts need, without Node.
func basicTools(t *testing.T) string {
	dir := t.TempDir()
	for _, tool := range []string{"sh", "env", "uname", "sed", "dirname"} {
		if err := os.Symlink("/bin/"+tool, dir+"/"+tool); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
