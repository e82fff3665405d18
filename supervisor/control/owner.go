package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockName = "clawtray.lock"

	// textAt is the offset of the text in the lock file. The first byte is the one that is
	// locked, and on Windows nobody can read a byte that is locked.
	textAt    = 1
	maxText   = 4096                   // bytes of the text that are read
	claimWait = 200 * time.Millisecond // a command that looks at the lock holds it for a moment
	lookAgain = 10 * time.Millisecond  // between two tries to take the lock
)

// Owner is the running clawtray, as its lock file names it. Commands find it through this
// file alone, so the environment in which they run does not matter.
type Owner struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Socket  string    `json:"socket,omitempty"`  // its path; empty while there is none
	Problem string    `json:"problem,omitempty"` // why there is no socket
}

// Look finds the clawtray whose state folder is dir. running is false when there is none.
// It fails when the folder belongs to another user or cannot be read.
func Look(dir string) (o Owner, running bool, err error) {
	path := filepath.Join(dir, lockName)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o, false, nil
	case err != nil:
		return o, false, err
	case !info.Mode().IsRegular():
		return o, false, &linkError{path}
	}
	if err := ours(dir); err != nil {
		return o, false, err
	}
	// The lock alone is reliable, because the kernel frees it, however its holder ends.
	probe := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := probe.TryRLock()
	if err != nil || free {
		return o, false, errors.Join(err, probe.Unlock())
	}
	o = readOwner(path)
	if o.Socket == "" && o.Problem == "" { // it has just started, or the disk is full
		if usual := filepath.Join(dir, socketName); checkSocket(usual) == nil {
			o.Socket = usual
		}
	}
	return o, true, nil
}

// readOwner reads the text of the lock file. It returns a zero Owner while the text is
// being written.
func readOwner(path string) (o Owner) {
	f, err := os.Open(path)
	if err != nil {
		return Owner{}
	}
	defer f.Close()
	if json.NewDecoder(io.NewSectionReader(f, textAt, maxText)).Decode(&o) != nil {
		return Owner{}
	}
	return o
}

// writeOwner replaces the text of the lock file. It does not replace the file, because a
// new file would not be locked.
func writeOwner(path string, o Owner) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	_, err = f.WriteAt(text, textAt)
	return errors.Join(err, f.Truncate(textAt+int64(len(text))), f.Close())
}

// lockFile takes the lock in dir. It fails with [ErrRunning] when another process has it.
func lockFile(dir string) (*flock.Flock, error) {
	path := filepath.Join(dir, lockName)
	lock := flock.New(path, flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR))
	for deadline := time.Now().Add(claimWait); ; time.Sleep(lookAgain) {
		got, err := lock.TryLock()
		if err != nil {
			return nil, errors.Join(err, lock.Unlock())
		}
		if got {
			return lock, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(ErrRunning, lock.Unlock())
		}
	}
}

// begin creates the lock file. The byte that is locked becomes a line end, so that the file
// is readable for people. When the disk is full the file stays empty, which is good enough
// for a lock.
func begin(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		_, _ = f.WriteAt(bytes.Repeat([]byte("\n"), textAt), 0)
	}
	return f.Close()
}
