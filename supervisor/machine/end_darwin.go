package machine

import (
	"errors"

	"golang.org/x/sys/unix"
)

// awaitEnd waits until a process that is not our child has ended. The error says that we
// cannot wait in this way.
func (c *child) awaitEnd() (Exit, error) {
	queue, err := unix.Kqueue()
	if err != nil {
		return unknownExit, err
	}
	defer unix.Close(queue)
	unix.CloseOnExec(queue)
	event := make([]unix.Kevent_t, 1)
	unix.SetKevent(&event[0], c.pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	event[0].Fflags = unix.NOTE_EXIT
	if _, err := unix.Kevent(queue, event, nil, nil); errors.Is(err, unix.ESRCH) {
		return unknownExit, nil
	} else if err != nil {
		return unknownExit, err
	}
	if alive, err := lives(c.identity); err != nil || !alive {
		return unknownExit, err
	}
	for {
		n, err := unix.Kevent(queue, nil, event, nil)
		if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return unknownExit, err
		}
	}
}
