package openclaw

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	// upgradeLimit is how long an "npm install" may leave OpenClaw without its files before it
	// counts as gone; a slow disk takes half a minute.
	upgradeLimit = 60 * time.Second
	// upgradePoll is how often to look.
	upgradePoll = 500 * time.Millisecond
)

// Installed reads the version that is on disk now. When it differs from r.Version, the package was
// upgraded since r was resolved, and a running Gateway needs a restart to use it.
func (r Runtime) Installed() (string, error) {
	in := readInstall(r.Source, r.Entry)
	return in.version, in.err
}

// AwaitUpgrade waits, at most 60 s, until the OpenClaw that was found last (Search.CacheFile) has
// its files again; it calls waiting before it does. Without a trace of npm it waits only when
// nothing else can be started.
func AwaitUpgrade(ctx context.Context, s Search, waiting func()) error {
	m, ok := newFinder(ctx, s).last()
	r := m.Runtime
	if !ok || r.whole() == nil && !r.upgrading() {
		return nil
	}
	if !r.upgrading() {
		if _, _, err := Resolve(ctx, s); err == nil {
			return nil
		}
	}
	waiting()
	err := r.Await(ctx)
	if err != nil && ctx.Err() == nil {
		os.Remove(s.CacheFile) // gone for good: the next start does not wait for it
	}
	return err
}

// Await waits until r's files are there, at most 60 s. npm takes them away for a while when it
// upgrades the package, and a start in between would fail for no lasting reason. Resolve again
// after it: the version may be another.
func (r Runtime) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, upgradeLimit, fmt.Errorf("not back after %v", upgradeLimit))
	defer cancel()
	for {
		err := r.whole()
		if err == nil && !r.upgrading() {
			return nil
		}
		select {
		case <-time.After(upgradePoll):
		case <-ctx.Done():
			if err == nil && ctx.Err() == context.DeadlineExceeded {
				return nil // an npm that was killed leaves its mark for good
			}
			if err == nil {
				return ctx.Err()
			}
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
	}
}

func (r Runtime) whole() error {
	if _, err := r.Installed(); err != nil {
		return err
	}
	_, err := os.Stat(r.Node)
	return plain(err)
}

// upgrading says whether npm works on the package: until it is done, npm keeps the old one beside
// as ".openclaw-RANDOM". An npm that was killed leaves that for good, but then nothing else changes.
func (r Runtime) upgrading() bool {
	modules := filepath.Dir(r.Dir)
	old, _ := filepath.Glob(filepath.Join(modules, ".openclaw-*"))
	info, err := os.Stat(modules)
	return len(old) > 0 && err == nil && time.Since(info.ModTime()) < upgradeLimit
}
