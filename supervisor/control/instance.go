package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	socketName = "control.sock"

	// maxSocketPath is the longest path of a socket, in bytes, that every system accepts:
	// sun_path has 104 bytes on macOS, 108 on Linux and Windows.
	maxSocketPath = 103

	// elsewhere is the beginning of the name of a folder that we make for a socket outside
	// of the state folder.
	elsewhere = "clawtray-"
)

// ErrRunning says that another clawtray of this user and profile is running.
var ErrRunning = errors.New("clawtray is running already")

// Instance is the one clawtray of a user and profile, and the listener of its socket. Its
// lock is in the state folder, because every command of this user and profile finds that
// folder, whatever the rest of its environment is. The kernel frees the lock, however the
// instance ends.
type Instance struct {
	dir     string // the state folder
	started time.Time
	look    chan struct{} // wakes Keep; capacity 1

	mu      sync.Mutex
	lock    *flock.Flock
	socket  *net.UnixListener // nil while there is none
	path    string            // of the socket
	file    fs.FileInfo       // of the socket, to notice when somebody has replaced it
	problem error             // why there is no socket
	changed chan struct{}     // closed when socket changes
	closed  bool
}

// Claim makes this process the instance of the state folder dir and opens its socket. It
// fails with [ErrRunning] when there is an instance already, and with another error when
// other users could change the folder. An instance may have no socket, see
// [Instance.Problem].
func Claim(dir string) (*Instance, error) {
	if err := private(dir); err != nil {
		return nil, err
	}
	if err := begin(filepath.Join(dir, lockName)); err != nil {
		return nil, err
	}
	lock, err := lockFile(dir)
	if err != nil {
		return nil, err
	}
	i := &Instance{dir: dir, started: time.Now(), lock: lock, changed: make(chan struct{}), look: make(chan struct{}, 1)}
	removeSocket(dir, readOwner(i.lockPath()).Socket) // an instance that was killed has left it
	i.mu.Lock()
	defer i.mu.Unlock()
	i.listen()
	return i, nil
}

func (i *Instance) lockPath() string { return filepath.Join(i.dir, lockName) }

// Problem says why the instance has no socket, or is nil: an old Windows and some file
// systems have no sockets. No command reaches an instance without one.
func (i *Instance) Problem() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.problem
}

// Mend looks whether the socket and the lock file still exist, and makes them again when
// somebody has removed them. It returns the name of what it made, or "".
func (i *Instance) Mend() (done string, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return "", nil
	}
	locked, err := i.mendLock()
	if err != nil {
		return "", err
	}
	if info, err := os.Lstat(i.path); err == nil && i.socket != nil && same(info, i.file) {
		if locked {
			i.tell()
			return "lock file", nil
		}
		return "", nil
	}
	before := i.problem
	if old := i.socket; old != nil {
		old.SetUnlinkOnClose(false) // another file may stand in its place
		old.Close()
		i.socket = nil
		removeSocket(i.dir, i.path)
	}
	i.listen()
	if i.problem != nil {
		if before != nil { // an earlier call has reported it
			return "", nil
		}
		return "", i.problem
	}
	return "socket", nil
}

// LookAgain makes Keep call Mend, and does not wait for it.
func (i *Instance) LookAgain() {
	select {
	case i.look <- struct{}{}:
	default:
	}
}

// Keep calls [Instance.Mend] whenever [Instance.LookAgain] was called, until ctx ends. It
// logs the same error only once.
func (i *Instance) Keep(ctx context.Context, log *slog.Logger) {
	last := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-i.look:
		}
		done, err := i.Mend()
		switch {
		case err == nil:
			last = ""
		case err.Error() != last:
			last = err.Error()
			log.Warn("commands do not reach this clawtray", "err", err)
		}
		if done != "" {
			log.Info("what commands need was lost, and is made anew", "lost", done)
		}
	}
}

// mendLock locks a new lock file when ours was removed, before a second clawtray can do
// so.
func (i *Instance) mendLock() (done bool, err error) {
	now, err := os.Lstat(i.lockPath())
	if err == nil {
		if ours, err := i.lock.Stat(); err != nil || os.SameFile(now, ours) {
			return false, err
		}
	}
	if err := private(i.dir); err != nil {
		return false, err
	}
	if err := begin(i.lockPath()); err != nil {
		return false, err
	}
	lock, err := lockFile(i.dir)
	if err != nil {
		return false, err
	}
	old := i.lock
	i.lock = lock
	return true, old.Unlock()
}

// listen opens a socket in the first place where that works, and writes the place into
// the lock file for the commands.
func (i *Instance) listen() {
	i.problem = nil
	var failed []error
	for _, place := range []func() (string, error){i.inState, inFolder(os.Getenv("XDG_RUNTIME_DIR")), inFolder(os.TempDir())} {
		path, err := place()
		if err == nil {
			i.socket, i.file, err = listenAt(path)
		}
		if err == nil {
			i.path = path
			break
		}
		if path != "" {
			removeSocket(i.dir, path)
		}
		failed = append(failed, err)
	}
	if i.socket == nil {
		i.path, i.problem = "", errors.Join(failed...)
	}
	close(i.changed)
	i.changed = make(chan struct{})
	i.tell()
}

// tell writes into the lock file who we are. When the disk is full, that fails, and the
// commands look for the socket in its usual place.
func (i *Instance) tell() {
	o := Owner{PID: os.Getpid(), Started: i.started, Socket: i.path}
	if i.problem != nil {
		o.Problem = strings.ReplaceAll(i.problem.Error(), "\n", "; ")
	}
	_ = writeOwner(i.lockPath(), o)
}

// inState is the usual place for the socket.
func (i *Instance) inState() (string, error) {
	path := filepath.Join(i.dir, socketName)
	if len(path) > maxSocketPath {
		return "", fmt.Errorf("the path %s is too long for a socket", path)
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return path, err
}

// inFolder makes a new folder in base for the socket. Because the folder is new, no other
// user can have prepared it.
func inFolder(base string) func() (string, error) {
	return func() (string, error) {
		if base == "" {
			return "", errors.New("XDG_RUNTIME_DIR is not set")
		}
		if err := trusted(base); err != nil {
			return "", err
		}
		dir, err := os.MkdirTemp(base, elsewhere)
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, socketName)
		if len(path) > maxSocketPath {
			return path, fmt.Errorf("the path %s is too long for a socket", path)
		}
		return path, nil
	}
}

func listenAt(path string) (*net.UnixListener, fs.FileInfo, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, nil, err
	}
	err = os.Chmod(path, 0o600)
	info, looked := os.Lstat(path)
	if err := errors.Join(err, looked); err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return l, info, nil
}

// removeSocket removes the socket of an instance that has ended, and its folder when that
// was made for the socket. It removes nothing else.
func removeSocket(state, path string) {
	dir := filepath.Dir(path)
	switch {
	case path == "" || filepath.Base(path) != socketName:
	case dir == state:
		_ = os.Remove(path)
	case strings.HasPrefix(filepath.Base(dir), elsewhere) && ours(dir) == nil:
		_ = os.Remove(path)
		_ = os.Remove(dir)
	}
}

// Accept implements net.Listener. It closes connections of other users, and waits while
// there is no socket.
func (i *Instance) Accept() (net.Conn, error) {
	for {
		i.mu.Lock()
		socket, changed, closed := i.socket, i.changed, i.closed
		i.mu.Unlock()
		switch {
		case closed:
			return nil, net.ErrClosed
		case socket == nil:
			<-changed
			continue
		}
		conn, err := socket.Accept()
		if err == nil {
			if checkPeer(conn) == nil {
				return conn, nil
			}
			conn.Close()
			continue
		}
		i.mu.Lock()
		current := socket == i.socket
		i.mu.Unlock()
		if current {
			return nil, err
		}
	}
}

// Addr implements net.Listener.
func (i *Instance) Addr() net.Addr {
	i.mu.Lock()
	defer i.mu.Unlock()
	return &net.UnixAddr{Name: i.path, Net: "unix"}
}

// Close ends the instance: it closes the socket and then frees the lock.
func (i *Instance) Close() error {
	err := i.closeSocket()
	i.mu.Lock()
	defer i.mu.Unlock()
	return errors.Join(err, i.lock.Unlock())
}

func (i *Instance) closeSocket() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return nil
	}
	i.closed = true
	close(i.changed)
	if i.socket == nil {
		return nil
	}
	err := i.socket.Close()
	removeSocket(i.dir, i.path)
	return err
}

// socketOnly is an instance whose Close keeps the lock, because the HTTP server closes its
// listener before it has sent the last answers.
type socketOnly struct{ *Instance }

func (s socketOnly) Close() error { return s.closeSocket() }
