package rpc

import (
	"syscall"
	"unsafe"
)

func readSocket(fd uintptr, b []byte) (int, error) { return bare(syscall.SYS_READ, fd, b) }

func writeSocket(fd uintptr, b []byte) (int, error) { return bare(syscall.SYS_WRITE, fd, b) }

func bare(call, fd uintptr, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))) // #nosec G103 -- the kernel wants the address of the bytes, which stay alive
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
