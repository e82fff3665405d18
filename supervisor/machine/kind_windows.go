package machine

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// kindOf says what can be done about an error of the system.
func kindOf(err error) Kind {
	var e syscall.Errno
	errors.As(err, &e)
	switch e {
	case windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_USER_MAPPED_FILE, // an antivirus or npm has the file open
		windows.ERROR_TOO_MANY_OPEN_FILES, windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_OUTOFMEMORY, windows.ERROR_COMMITMENT_LIMIT,
		windows.ERROR_NO_SYSTEM_RESOURCES, windows.ERROR_NOT_ENOUGH_QUOTA, windows.ERROR_PAGEFILE_QUOTA, windows.ERROR_WORKING_SET_QUOTA:
		return Retry
	case windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED:
		return DiskFull
	}
	return Final
}
