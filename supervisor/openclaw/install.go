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

	"clawtray/rpc/redact"
)

const (
	// neededSpace is the largest space that an installation needs at one time, in bytes:
	// Node 190 MB and its package 60 MB, npm 24 MB, OpenClaw 650 MB, npm's cache 225 MB
	// (measured, 2026.9.6).
	neededSpace = 1_300_000_000
	// lockPoll is the time between two looks of a second installer whether the first one is
	// done.
	lockPoll = 250 * time.Millisecond
	// checkLimit is how long the installed OpenClaw may take to print its version, on a
	// cold disk.
	checkLimit = 60 * time.Second
)

// InstallOptions says what to install, where, and with which settings.
type InstallOptions struct {
	DataDir string   // clawtray's data directory
	Home    string   // the user's home, for ~/.npmrc
	Env     []string // the user's environment: registry, proxies, certificates, PATH for npm's scripts

	// NodeVersion is the Node to install. If it is empty, DefaultNodeVersion is installed
	// when OpenClaw accepts that, and otherwise the newest version in the registry that
	// OpenClaw accepts.
	NodeVersion string
	// OpenClawVersion is the OpenClaw to install, or Newest. If it is empty,
	// DefaultOpenClawVersion is installed, or the managed version when that is newer,
	// because an older OpenClaw refuses the state of a newer one (measured, 2026.8.2 after
	// 2026.9.6).
	OpenClawVersion string

	Progress func(Progress) // never called by two goroutines at once; may be nil
	Log      io.Writer      // gets npm's output; may be nil
	HTTP     *http.Client   // replaces the client built from the user's settings, for tests

	hashes map[string]string // replaces pinnedHashes, for tests
}

// Newest is an OpenClawVersion: the version that the registry calls "latest".
const Newest = "latest"

// Progress is how far an installation is.
type Progress struct {
	Step  string `json:"step"`  // a few words for people: "Downloading Node 24.21.0"
	Of    string `json:"of"`    // what is being fetched: "Node 24.21.0"
	Bytes int64  `json:"bytes"` // how many are done in this step
	Total int64  `json:"total"` // 0 when unknown
	Items int    `json:"items"` // how many packages npm has fetched; the total is unknown
}

// Install installs the pinned Node and OpenClaw into DataDir. It checks that they run
// before it makes them the managed runtime. When they are installed already, it returns at
// once. Until the switch, the earlier runtime stays in use. After it, the earlier runtime
// stays on disk, because a Gateway may still run from it. The error is an *InstallError.
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
	root  string // the folder of the managed runtimes
	reg   registry
	step  string
	of    string
	space func(dir string) (uint64, error)
	hide  redact.Redactor          // knows the secrets that npm or a registry may print
	lines func(line string) string // hides them, also when a secret spans several lines
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
	i.lines = i.hide.Lines()
	i.at("Reading npm's settings")
	settings := readNpmSettings(o.Env, o.Home, runtime.GOOS)
	i.hide.AddEnv(o.Env)
	i.hide.Add(settings.secrets()...)
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
	i.reg = registry{base: base, settings: settings, http: client, delays: retryDelays, pinned: pinnedHashes}
	if o.hashes != nil {
		i.reg.pinned = o.hashes
	}
	return i, nil
}

// newerManaged returns the versions of the managed runtime when its OpenClaw is newer than
// the requested one; else empty texts.
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

// run installs after it has got the lock that excludes other installers.
func (i *installer) run(ctx context.Context) (Runtime, error) {
	unlock, err := i.lock(ctx)
	if err != nil {
		return Runtime{}, err
	}
	defer unlock()
	return i.install(ctx)
}

// at begins a step with this name.
func (i *installer) at(step string) {
	i.step = redact.PrintableLine(i.hide.String(step)) // the version in it may come from the registry
	i.report(0, 0)
}

func (i *installer) report(done, total int64) {
	if i.o.Progress != nil {
		i.o.Progress(Progress{Step: i.step, Of: i.of, Bytes: done, Total: total})
	}
}

// fail returns err as an *InstallError whose text is safe to show, also when npm, a
// registry or a program has written it.
func (i *installer) fail(err error) error {
	if done := (*InstallError)(nil); err == nil || errors.As(err, &done) {
		return err
	}
	return installError(i.step, safeError{redact.PrintableLine(i.hide.String(err.Error())), err})
}

// safeError is an error with a text that is safe to show.
type safeError struct {
	text string
	error
}

func (e safeError) Error() string { return e.text }
func (e safeError) Unwrap() error { return e.error }

// lock waits until no other installer works on the same folder.
func (i *installer) lock(ctx context.Context) (unlock func(), err error) {
	i.at("Preparing " + i.root)
	if err := MakePrivate(i.root); err != nil {
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

// install does the work while the lock is held.
func (i *installer) install(ctx context.Context) (Runtime, error) {
	i.clean(ctx)
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
	if err := errors.Join(i.checkEncrypted(), i.checkSpace()); err != nil {
		return Runtime{}, i.fail(err)
	}
	dir, err := os.MkdirTemp(i.root, i.o.OpenClawVersion+"-node"+i.o.NodeVersion+"-")
	if err != nil {
		return Runtime{}, i.fail(err)
	}
	r, err := i.build(ctx, managedAt(dir, runtime.GOOS))
	if err != nil {
		os.RemoveAll(dir) // if this is interrupted, the next installation removes the rest
		return Runtime{}, i.fail(err)
	}
	i.at("Switching to OpenClaw " + r.Version)
	if err := i.point(filepath.Base(dir)); err != nil {
		os.RemoveAll(dir)
		return Runtime{}, i.fail(err)
	}
	os.RemoveAll(i.downloads())
	os.RemoveAll(i.npmCache())
	i.clean(ctx)
	return r, nil
}

// settle asks the registry for what the options leave open: the version that a tag names,
// and a Node that OpenClaw accepts.
func (i *installer) settle(ctx context.Context) error {
	tag := strings.Trim(i.o.OpenClawVersion, "0123456789.-") != ""
	if !tag && i.o.NodeVersion != "" {
		return nil
	}
	if err := i.checkEncrypted(); err != nil {
		return err
	}
	i.at("Asking about OpenClaw " + i.o.OpenClawVersion)
	m, err := i.reg.describe(ctx, "openclaw", i.o.OpenClawVersion)
	if err != nil {
		return err
	}
	i.o.OpenClawVersion = m.Version
	if have, node := newerManaged(i.o); tag && have != "" { // an outdated mirror must not install an older version
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
	i.o.NodeVersion, err = i.reg.newest(ctx, pinnedNodes[platform].name, func(version string) bool { return accepts(m.Engines.Node, version) })
	return err
}

func (i *installer) downloads() string { return filepath.Join(i.root, "downloads") }
func (i *installer) npmCache() string  { return filepath.Join(i.root, "npm-cache") }

// checkSpace fails before the download when the disk has too little space.
func (i *installer) checkSpace() error {
	free, err := i.space(i.root)
	if err == nil && free < neededSpace {
		return i.fail(failed(DiskFull, "%s has %.1f GB free, and %.1f GB are needed while installing", i.root, float64(free)/1e9, neededSpace/1e9))
	}
	return nil // when the file system does not tell its free space, try
}

// build installs a runtime into an empty folder and checks that it runs.
func (i *installer) build(ctx context.Context, m managed) (Runtime, error) {
	node, ok := pinnedNodes[platform]
	if !ok {
		return Runtime{}, failed(Unsupported, "there is no Node package for %s on %s", runtime.GOOS, runtime.GOARCH)
	}
	if err := MakePrivate(i.downloads()); err != nil {
		return Runtime{}, err
	}
	nodeDir := filepath.Join(m.dir, "node")
	if err := i.unpack(ctx, "Node", node.name, i.o.NodeVersion, nodeDir); err != nil {
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
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return untar(tarball, dir, packageBounds)
}

// finishNode moves Node's executable to where Node's own installers put it. The npm
// packages with Node have it in bin, also those for Windows.
func (i *installer) finishNode(dir, want string) error {
	found := filepath.Join(dir, "bin", filepath.Base(want))
	if found != want {
		if err := os.Rename(found, want); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Chmod(want, 0o755); err != nil { // #nosec G302 -- a program must be executable
		return failed(BadArchive, "the package holds no Node (%w)", plain(err))
	}
	return nil
}

// check runs the installed Node and OpenClaw and compares their versions with the requested
// ones.
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

// point makes name the current version. The pointer file is replaced in one step.
func (i *installer) point(name string) error {
	if old, err := readManaged(i.o.DataDir, runtime.GOOS); err == nil { // keep only a runtime that is valid
		if err := replaceFile(i.pointer(previousFile), []byte(filepath.Base(old.dir)+"\n")); err != nil {
			return err
		}
	}
	return replaceFile(i.pointer(currentFile), []byte(name+"\n"))
}

func (i *installer) pointer(name string) string { return filepath.Join(i.root, name) }

// clean removes versions that no pointer names and from which no process runs: older and
// unfinished ones. What cannot be removed now is removed by a later installation.
func (i *installer) clean(ctx context.Context) {
	keep := map[string]bool{}
	for _, pointer := range []string{currentFile, previousFile} {
		raw, err := os.ReadFile(i.pointer(pointer))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return // without the pointers it is unknown what may be removed
		}
		keep[strings.TrimSpace(string(raw))] = true
	}
	entries, err := os.ReadDir(i.root)
	if err != nil {
		return
	}
	for _, e := range entries {
		dir := filepath.Join(i.root, e.Name())
		if !e.IsDir() || !versionDir.MatchString(e.Name()) || keep[e.Name()] {
			continue
		}
		if pids, err := users(ctx, dir); err == nil && len(pids) == 0 {
			os.RemoveAll(dir)
		}
	}
}

var versionDir = regexp.MustCompile(`^(\d.*)-node(\d.*)-\d+$`)

// Latest returns the newest version of OpenClaw in the user's registry. The error is an
// *InstallError.
func Latest(ctx context.Context, o InstallOptions) (version string, err error) {
	i, err := newInstaller(o)
	if err != nil {
		return "", err
	}
	i.at("Asking for the newest OpenClaw")
	m, err := i.reg.describe(ctx, "openclaw", Newest)
	return m.Version, i.fail(err)
}

// Remove deletes the managed runtime. It fails when a program runs from it. The error is an
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
	if err := i.unused(ctx); err != nil {
		return i.fail(err)
	}
	// Remove the pointer first. If a later step fails, the rest is unused files and not a
	// broken runtime.
	err = os.Remove(i.pointer(currentFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return i.fail(err)
	}
	err = errors.Join(os.RemoveAll(i.pointer(previousFile)), os.RemoveAll(i.downloads()), os.RemoveAll(i.npmCache()))
	i.clean(ctx)
	return i.fail(err)
}

// unused returns an error if a process runs from any installed version.
func (i *installer) unused(ctx context.Context) error {
	entries, err := os.ReadDir(i.root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		pids, err := users(ctx, filepath.Join(i.root, e.Name()))
		if err != nil && e.IsDir() {
			return err
		}
		if len(pids) > 0 {
			return failed(InUse, "a program still runs from it (process %d)", pids[0])
		}
	}
	return nil
}
