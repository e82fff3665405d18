package machine

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"testing"

	"clawtray/packaging/needs"
	"clawtray/supervisor/peer"
)

func init() {
	roles["listens"] = listensRole
	roles["asks"] = asksRole
}

// listensRole listens where the test says until it is ended, and says on which port.
func listensRole() {
	l, err := net.Listen("tcp", os.Getenv(addrVar))
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	select {}
}

// asksRole says who listens on a port.
func asksRole() {
	port, err := strconv.Atoi(os.Getenv(addrVar))
	if err != nil {
		panic(err)
	}
	by, err := new(Machine).Listener(context.Background(), port, 0)
	fmt.Fprintln(os.Stderr, err)
	json.NewEncoder(os.Stdout).Encode(by)
}

// addrVar is where listensRole listens, and the port asksRole asks for.
const addrVar = "CLAWTRAY_TEST_ADDR"

// as makes the test binary play a role as a user. The file it is in belongs to
// whoever runs the test; the way over /proc needs no right to read the folder.
func as(t *testing.T, uid uint32, role, addr string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{roleVar + "=" + role, addrVar + "=" + addr, "GORACE=atexit_sleep_ms=0"}
	cmd.Dir = "/"
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	return cmd
}

// M1: an ordinary user sees which user owns a listener, although the process is hidden. That
// matters, because the token is sent to a program that counts as ours.
func TestM1_AListenerOfAnotherUserIsTold(t *testing.T) {
	needs.Root(t)
	const anna, bert = 64001, 64002
	for addr, reached := range map[string]bool{"127.0.0.1:0": true, "0.0.0.0:0": true, "[::]:0": true, "[::1]:0": true, "127.0.0.2:0": false} {
		t.Run(addr, func(t *testing.T) {
			listens := as(t, anna, "listens", addr)
			port := started(t, listens)
			for _, c := range []struct {
				uid  uint32
				want Listener
			}{
				{anna, Listener{PID: listens.Process.Pid, Name: "exe"}},
				{bert, Listener{Name: unnamed, User: strconv.Itoa(anna)}},
				{0, Listener{PID: listens.Process.Pid, Name: "exe", User: strconv.Itoa(anna)}},
			} {
				if !reached {
					c.want = Listener{}
				}
				raw, err := as(t, c.uid, "asks", port).Output()
				if err != nil {
					t.Fatal(err)
				}
				var got Listener
				if err := json.Unmarshal(raw, &got); err != nil {
					t.Fatal(err)
				}
				if got != c.want {
					t.Errorf("user %d is told %+v, want %+v", c.uid, got, c.want)
				}
			}
		})
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if got := peer.UserName(0, ""); got != me.Username {
		t.Errorf("user 0 is called %q", got)
	}
}
