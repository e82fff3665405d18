package machine

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// awaitEnd waits until a process that is not our child has ended: then the kernel makes the
// process's descriptor readable. The error says that we cannot wait in this way, because
// the kernel is older than 5.10 or there is no free descriptor.
func (c *child) awaitEnd() (Exit, error) {
	fd, err := unix.PidfdOpen(c.pid, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return unknownExit, nil
	} else if err != nil {
		return unknownExit, err
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	if alive, err := lives(c.identity); err != nil || !alive {
		return unknownExit, err
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return unknownExit, err
	}
	err = conn.Read(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		return n > 0 && err == nil
	})
	return unknownExit, err
}
