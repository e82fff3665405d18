package peer

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"clawtray/packaging/needs"
)

// addrVar makes the test binary dial an address instead of testing. It writes one
// byte. With closeVar it closes the connection then.
const addrVar, closeVar = "CLAWTRAY_TEST_DIAL", "CLAWTRAY_TEST_CLOSE"

// serveVar makes the test binary check who dials it.
const serveVar = "CLAWTRAY_TEST_SERVE"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(addrVar) != "":
		dialRole()
	case os.Getenv(serveVar) != "":
		serveRole()
	default:
		os.Exit(m.Run())
	}
}

func dialRole() {
	c, err := net.Dial("tcp", os.Getenv(addrVar))
	if err != nil {
		panic(err)
	}
	fmt.Fprint(c, "x")
	if os.Getenv(closeVar) != "" {
		c.Close()
	}
	fmt.Println(c.LocalAddr())
	io.Copy(io.Discard, os.Stdin) // until the test is over
	c.Close()
}

// serveRole tells its address, and of every connection whose it is.
func serveRole() {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		fmt.Println(c.RemoteAddr(), Check(context.Background(), c.LocalAddr(), c.RemoteAddr()))
	}
}

// start makes the test binary play a role as a user. The file it is in belongs to
// whoever runs the test; the way over /proc needs no right to read the folder.
func start(t *testing.T, uid int, env ...string) (line func() string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Dir, cmd.Stderr = env, "/", t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	out := bufio.NewReader(stdout)
	return func() string {
		t.Helper()
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
}

const anna, bert = 64001, 64002

// XS1: the user of a program that connects is found out, by root and by ordinary users.
func TestXS1_OtherUsersAreTold(t *testing.T) {
	needs.Root(t)
	for _, c := range []struct{ server, client int }{{anna, anna}, {anna, bert}, {anna, 0}, {0, anna}, {0, 0}} {
		served := start(t, c.server, serveVar+"=1")
		client := start(t, c.client, addrVar+"="+served())()
		told := served()
		for !strings.HasPrefix(told, client+" ") { // somebody else on this machine tried the port
			told = served()
		}
		want := client + " <nil>"
		if c.client != c.server {
			want = client + " " + ForeignError{UserName(c.client, "")}.Error()
		}
		if told != want {
			t.Errorf("user %d is told of user %d: %q", c.server, c.client, told)
		}
	}
}

// XS1: many kernels name root as the user of a socket that its program has closed. Another
// user who connects and closes at once must not count as root.
func TestXS1_AClosedSocketIsNobodys(t *testing.T) {
	needs.Root(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := acceptFrom(t, l, start(t, anna, addrVar+"="+l.Addr().String(), closeVar+"=1")())
	if said, err := io.ReadAll(c); err != nil || string(said) != "x" {
		t.Fatalf("%q, %v", said, err)
	}
	if err := Check(t.Context(), c.LocalAddr(), c.RemoteAddr()); !errors.Is(err, ErrUnknown) {
		t.Errorf("a closed socket of another user: %v", err)
	}
}

// A program that uses an IPv6 socket for an IPv4 address is in the other table.
func TestCheckMappedAddress(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, 0)
	if errors.Is(err, syscall.EAFNOSUPPORT) && os.Getenv("CI") != "true" {
		t.Skip("this system has no IPv6")
	} else if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := &syscall.SockaddrInet6{Port: l.Addr().(*net.TCPAddr).Port, Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16()}
	if err := syscall.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	from, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	c := acceptFrom(t, l, fmt.Sprintf("127.0.0.1:%d", from.(*syscall.SockaddrInet6).Port))
	if err := Check(t.Context(), c.LocalAddr(), c.RemoteAddr()); err != nil {
		t.Error(err)
	}
}

// The rows of the kernel's tables, as they were seen.
func TestOwner(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1062 1 000000008c607d60 100 0 0 10 0
   1: 0100007F:93E3 0100007F:D03A 06 00000000:00000000 03:000005A2 00000000     0        0 0 3 000000007b3db745
   2: 0100007F:93E4 0100007F:D03A 05 00000000:00000000 03:000005A2 00000000     0        0 0 3 000000007b3db746
   3: 0100007F:93E5 0100007F:D03A 01 00000000:00000000 00:00000000 00000000  1000        0 9 3 000000007b3db747
   4: 0100007F:D03A 0100007F:93E5 01 00000000:00000000 00:00000000 00000000  1001        0 8 3 000000007b3db748
   5: 0100007F:93E6 0100007F:D03A 01 00000000
`
	to := netip.MustParseAddrPort("127.0.0.1:53306")
	for port, want := range map[uint16]int{0x93E3: -1, 0x93E4: -1, 0x93E5: 1000, 0x93E6: -1, 0x93E7: -1} {
		uid, found, err := owner([]byte(table), netip.AddrPortFrom(to.Addr(), port), to)
		if err != nil || found != (want >= 0) || found && uid != want {
			t.Errorf("port %d: user %d, found %v, %v; want %d", port, uid, found, err, want)
		}
	}
}

// When the kernel does not answer the question, its tables give the same result.
func TestTheTablesAgree(t *testing.T) {
	accepted, _ := pair(t)
	ours, err := addrPort(accepted.LocalAddr())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := addrPort(accepted.RemoteAddr())
	if err != nil {
		t.Fatal(err)
	}
	if uid, found, err := look(t.Context(), theirs, ours); err != nil || !found || uid != os.Getuid() {
		t.Errorf("the tables: user %d, found %v, %v", uid, found, err)
	}
	uid, found, err := ask(theirs, ours)
	if errors.Is(err, errNoAnswer) {
		return // this kernel does not answer
	}
	if err != nil || !found || uid != os.Getuid() {
		t.Errorf("the kernel: user %d, found %v, %v", uid, found, err)
	}
	// When no socket is connected, the kernel answers with one that listens.
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	listens, err := addrPort(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if _, found, err := ask(listens, ours); err != nil || found {
		t.Errorf("a socket that listens: found %v, %v", found, err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	whole := make([]byte, headerSize+answerSize)
	binary.NativeEndian.PutUint16(whole[4:], unix.SOCK_DIAG_BY_FAMILY)
	denied := make([]byte, headerSize+4)
	binary.NativeEndian.PutUint16(denied[4:], unix.NLMSG_ERROR)
	binary.NativeEndian.PutUint32(denied[headerSize:], uint32(1<<32-int64(unix.EPERM)))
	done := make([]byte, headerSize+4)
	binary.NativeEndian.PutUint16(done[4:], unix.NLMSG_DONE)
	for _, answer := range [][]byte{nil, whole[:headerSize], whole[:len(whole)-1], denied, done} {
		if _, found, err := read(answer); found || !errors.Is(err, errNoAnswer) {
			t.Errorf("%v: found %v, %v", answer, found, err)
		}
	}
	if _, found, err := read(whole); found || err != nil { // in no state
		t.Errorf("found %v, %v", found, err)
	}
}
