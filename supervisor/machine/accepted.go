package machine

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"clawtray/supervisor/openclaw"
)

// accepted is what is remembered of the configuration that a gateway accepted last:
// enough to notice that it is gone (BEHAVIOUR Q4), and to put it back (Q2). It has
// secrets, so its file is the user's alone.
type accepted struct {
	Path       string            `json:"path"`
	HasGateway bool              `json:"hasGateway"`
	HasMode    bool              `json:"hasMode"`
	Snapshot   openclaw.Snapshot `json:"snapshot,omitzero"` // without files: it was too large, or changed too soon
}

// maxSnapshot bounds what is remembered of a configuration, in bytes. People write some
// kilobytes.
const maxSnapshot = 4 << 20

func (m *Machine) acceptedFile() string { return filepath.Join(m.StateDir, "config-accepted.json") }

// Accepted remembers the configuration with which a gateway became ready, or that it
// says it runs.
func (m *Machine) Accepted(ctx context.Context, e openclaw.Effective) {
	if !e.File.Exists {
		return
	}
	_, err := call[struct{}]{what: "writing " + m.acceptedFile(), do: func() (struct{}, error) {
		was := readAccepted(m.acceptedFile())
		now := accepted{Path: e.Paths.ConfigPath, HasGateway: e.File.HasGateway, HasMode: e.File.HasMode}
		snapshot, err := openclaw.TakeSnapshot(e, time.Now())
		switch {
		case err != nil && was.Path == now.Path: // somebody has just changed it
			now.Snapshot = was.Snapshot
		case err == nil && size(snapshot) <= maxSnapshot:
			now.Snapshot = snapshot
		}
		if now.same(was) {
			return struct{}{}, nil
		}
		return struct{}{}, writeCopy(m.acceptedFile(), now)
	}}.in(ctx, &m.lanes.accepted)
	if err != nil {
		m.Log.Warn("that the gateway accepted its configuration could not be remembered", "err", err)
	}
}

// same compares all but the times.
func (a accepted) same(b accepted) bool {
	if a.Path != b.Path || a.HasGateway != b.HasGateway || a.HasMode != b.HasMode || len(a.Snapshot.Files) != len(b.Snapshot.Files) {
		return false
	}
	for i, f := range a.Snapshot.Files {
		if other := b.Snapshot.Files[i]; f.Path != other.Path || string(f.Content) != string(other.Content) {
			return false
		}
	}
	return true
}

func size(s openclaw.Snapshot) (bytes int) {
	for _, f := range s.Files {
		bytes += len(f.Content)
	}
	return bytes
}

// LastAccepted is the configuration that a gateway accepted last, as far as it is
// remembered; zero when that is not known or was another file. A state directory that
// is gone with its file was removed on purpose.
func (m *Machine) LastAccepted(ctx context.Context, e openclaw.Effective) openclaw.ConfigFile {
	a := m.lastAccepted(ctx, e)
	if a.Path == "" {
		return openclaw.ConfigFile{}
	}
	return openclaw.ConfigFile{Exists: true, HasGateway: a.HasGateway, HasMode: a.HasMode}
}

func (m *Machine) lastAccepted(ctx context.Context, e openclaw.Effective) accepted {
	a, err := call[accepted]{what: "reading " + m.acceptedFile(), do: func() (accepted, error) {
		if _, err := os.Stat(e.Paths.StateDir); err != nil {
			return accepted{}, nil
		}
		return readAccepted(m.acceptedFile()), nil
	}}.in(ctx, &m.lanes.accepted)
	if err != nil || a.Path != e.Paths.ConfigPath {
		return accepted{}
	}
	return a
}

// LastGood is when a gateway accepted the configuration that [Machine.PutLastGood] would
// put in place; zero when none is known, or when it is what the files hold.
func (m *Machine) LastGood(ctx context.Context, e openclaw.Effective) time.Time {
	s := m.lastAccepted(ctx, e).Snapshot
	differs, err := call[bool]{what: "comparing " + e.Paths.ConfigPath, do: func() (bool, error) {
		return len(s.Differs()) > 0, nil
	}}.in(ctx, &m.lanes.copies)
	if err != nil || !differs {
		return time.Time{}
	}
	return s.Taken
}

// PutLastGood puts the configuration that a gateway accepted last in place, and keeps
// what was there beside it (BEHAVIOUR Q2).
func (m *Machine) PutLastGood(ctx context.Context, e openclaw.Effective) error {
	a := m.lastAccepted(ctx, e)
	if len(a.Snapshot.Files) == 0 {
		return ErrNoCopy
	}
	return m.put(ctx, a.Snapshot)
}

// readAccepted is zero when the file cannot be read: then nothing is known.
func readAccepted(path string) (a accepted) {
	if readCopy(path, &a) != nil {
		return accepted{}
	}
	return a
}

// readCopy reads a file of ours that holds a configuration. Base64 takes a third more.
func readCopy(path string, v any) error { return readJSON(path, 2*maxSnapshot, v) }

// writeCopy writes such a file, whole or not at all, for the user alone.
func writeCopy(path string, from any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return openclaw.WritePrivate(path, data)
}
