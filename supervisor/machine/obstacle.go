package machine

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"clawtray/supervisor/openclaw"
)

// ObstacleError says what keeps a gateway from starting, see [Machine.Obstacle].
type ObstacleError struct {
	Kind   Kind   // DiskFull or StateDirUnusable
	Detail string // the directory, or what the system said about it
}

func (e *ObstacleError) Error() string {
	if e.Kind == DiskFull {
		return "no space is left in " + e.Detail
	}
	return "the state directory cannot be used: " + e.Detail
}

// Obstacle looks whether OpenClaw's state directory can be written, and returns nil or an
// *[ObstacleError]. The gateway's own message is misleading when that directory is a file,
// cannot be written or is full: OpenClaw 2026.9.6 speaks of a state migration (measured).
// Any other error means that Obstacle could not look.
func (m *Machine) Obstacle(ctx context.Context) error {
	dir := openclaw.ProfilePaths(m.Env, m.Home, m.Profile).StateDir
	_, err := call[struct{}]{what: "writing to " + dir, do: func() (struct{}, error) {
		return struct{}{}, obstacle(dir)
	}}.in(ctx, &m.lanes.obstacle)
	return err
}

func obstacle(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return obstacleError(dir, err)
	case !info.IsDir():
		return &ObstacleError{StateDirUnusable, dir + " is not a directory"}
	}
	f, err := os.CreateTemp(dir, ".clawtray-*")
	if err != nil {
		return obstacleError(dir, err)
	}
	_, err = f.WriteString("x")
	err = errors.Join(err, f.Close()) // a network file system reports a full disk only then
	os.Remove(f.Name())
	if err != nil && kindOf(err) == DiskFull {
		return &ObstacleError{DiskFull, dir}
	}
	return nil
}

func obstacleError(dir string, err error) error {
	switch kindOf(err) {
	case DiskFull:
		return &ObstacleError{DiskFull, dir}
	case Retry: // we lack something, such as a descriptor; that says nothing about the directory
		return err
	}
	return &ObstacleError{StateDirUnusable, err.Error()}
}
