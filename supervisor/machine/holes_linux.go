package machine

import (
	"os"

	"golang.org/x/sys/unix"
)

// punch gives the disk space of a part of a file back to the file system. The rest of the
// file, its size and all offsets stay the same.
func punch(f *os.File, from, to int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	err = conn.Control(func(fd uintptr) {
		refused = unix.Fallocate(int(fd), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
	})
	if err != nil {
		return err
	}
	return refused
}
