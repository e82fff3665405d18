//go:build unix && !linux

package rpc

import "syscall"

// These systems allow system calls only through their C library, so there is no bare call.

func readSocket(fd uintptr, b []byte) (int, error) { return syscall.Read(int(fd), b) }

func writeSocket(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }
