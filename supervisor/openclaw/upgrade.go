package openclaw

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	// upgradeLimit is how long OpenClaw's files may be missing during an "npm install"
	// before OpenClaw counts as removed; a slow disk takes half a minute.
	upgradeLimit = 60 * time.Second
	// upgradePoll is the time between two checks.
	upgradePoll = 500 * time.Millisecond
)

// Installed returns the version that is on disk now. When it differs from r.Version, the
// package was upgraded since r was resolved, and a running Gateway needs a restart to use
// it.
func (r Runtime) Installed() (string, error) {
	in := readInstall(r.Source, r.Entry)
	return in.version, in.err
}

// AwaitUpgrade waits, at most 60 s, until the OpenClaw that was found last
// (Search.CacheFile) has its files again. Before it waits, it calls waiting. When nothing
// shows that npm is working, it waits only if nothing else can be started.
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
		os.Remove(s.CacheFile) // OpenClaw was removed, so the next start must not wait for it
	}
	return err
}

// Await waits, at most 60 s, until r's files exist. npm removes them for a while when it
// upgrades the package, and a start in that time would fail without a lasting reason. Call
// Resolve again afterwards, because the version may have changed.
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
				return nil // a killed npm leaves its folder behind for ever
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

// upgrading reports whether npm is replacing the package. Until npm is done, the old
// package is beside the new one as ".openclaw-RANDOM". A killed npm leaves that folder
// behind, but then nothing else changes.
func (r Runtime) upgrading() bool {
	modules := filepath.Dir(r.Dir)
	old, _ := filepath.Glob(filepath.Join(modules, ".openclaw-*"))
	info, err := os.Stat(modules)
	return len(old) > 0 && err == nil && time.Since(info.ModTime()) < upgradeLimit
}
