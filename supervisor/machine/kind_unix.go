//go:build unix

package machine

import (
	"errors"
	"syscall"
)

// kindOf says what can be done about an error of the system.
func kindOf(err error) Kind {
	var e syscall.Errno
	errors.As(err, &e)
	switch e {
	case syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ETXTBSY:
		return Retry
	case syscall.ENOSPC, syscall.EDQUOT:
		return DiskFull
	}
	return Final
}
