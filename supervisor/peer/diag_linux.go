package peer

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Sizes and values of sock_diag(7): struct inet_diag_req_v2 for the question and struct
// inet_diag_msg for the answer, in linux/inet_diag.h.
const (
	requestSize     = 56 // without the header
	answerSize      = 72
	establishedCode = 1 // TCP_ESTABLISHED
	noCookie        = 1<<32 - 1
)

// errNoAnswer says that the kernel, or a sandbox, does not answer such questions.
var errNoAnswer = errors.New("the kernel does not tell about sockets")

// ask asks the kernel for the user of the socket that is connected from one IPv4 address to
// another. The answer is exact, and it is fast, however many sockets there are. The error
// is errNoAnswer.
func ask(from, to netip.AddrPort) (uid int, found bool, err error) {
	if !from.Addr().Is4() || !to.Addr().Is4() {
		return 0, false, errNoAnswer
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, false, errNoAnswer
	}
	defer unix.Close(fd)
	request := question(from, to)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, false, errNoAnswer
	}
	answer := make([]byte, 4096)
	n, sender, err := unix.Recvfrom(fd, answer, 0)
	if nl, ok := sender.(*unix.SockaddrNetlink); err != nil || !ok || nl.Pid != 0 { // 0 is the kernel
		return 0, false, errNoAnswer
	}
	return read(answer[:n])
}

const headerSize = unix.SizeofNlMsghdr

// question is the question about one socket, with its header.
func question(from, to netip.AddrPort) []byte {
	native := binary.NativeEndian
	b := make([]byte, headerSize+requestSize)
	native.PutUint32(b[0:], uint32(len(b)))
	native.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	native.PutUint16(b[6:], unix.NLM_F_REQUEST)
	r := b[headerSize:]
	r[0], r[1] = unix.AF_INET, unix.IPPROTO_TCP
	native.PutUint32(r[4:], 1<<establishedCode) // the states that count
	binary.BigEndian.PutUint16(r[8:], from.Port())
	binary.BigEndian.PutUint16(r[10:], to.Port())
	copy(r[12:], from.Addr().AsSlice())
	copy(r[28:], to.Addr().AsSlice())
	native.PutUint32(r[48:], noCookie)
	native.PutUint32(r[52:], noCookie)
	return b
}

// read takes the user from an answer. When no socket is connected so, the kernel answers
// with one that listens, which does not count.
func read(answer []byte) (uid int, found bool, err error) {
	if len(answer) < headerSize+4 {
		return 0, false, errNoAnswer
	}
	native, body := binary.NativeEndian, answer[headerSize:]
	switch native.Uint16(answer[4:]) {
	case unix.NLMSG_ERROR:
		if unix.Errno(-int32(native.Uint32(body))) == unix.ENOENT {
			return 0, false, nil
		}
		return 0, false, errNoAnswer
	case unix.SOCK_DIAG_BY_FAMILY:
		if len(body) < answerSize {
			return 0, false, errNoAnswer
		}
		return int(native.Uint32(body[64:])), body[1] == establishedCode, nil
	}
	return 0, false, errNoAnswer
}
