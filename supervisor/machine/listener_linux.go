package machine

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/shirou/gopsutil/v4/process"

	"clawtray/supervisor/peer"
)

// listener reads the kernel's tables, because they show everybody the user of every
// socket. The library that we use on other systems finds the user through the process,
// and the kernel shows the process of a socket only to its own user and to root.
func listener(ctx context.Context, port, likely int) (Listener, error) {
	var uid int
	var inode string
	best := 0
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		rows, err := os.ReadFile(table)
		if os.IsNotExist(err) {
			continue // no IPv6
		} else if err != nil {
			return Listener{}, err
		}
		for row := range bytes.Lines(rows) {
			f := bytes.Fields(row) // proc_net_tcp(5): number, local, remote, state, queues, timer, retries, uid, timeout, inode
			if len(f) < 10 || string(f[3]) != listenState {
				continue
			}
			local, err := peer.SocketAddr(f[1])
			if err != nil || int(local.Port()) != port || reach(local.Addr()) <= best {
				continue
			}
			best, inode = reach(local.Addr()), string(f[9])
			if uid, err = strconv.Atoi(string(f[7])); err != nil {
				return Listener{}, err
			}
		}
	}
	if best == 0 {
		return Listener{}, ErrNoListener
	}
	l := Listener{PID: holder(ctx, "socket:["+inode+"]", likely)}
	if uid != os.Getuid() {
		l.User = peer.UserName(uid, "")
	}
	return l, nil
}

// listenState is TCP_LISTEN as the tables write it.
const listenState = "0A"

// holder is the pid of the process that has a socket open; 0 when the system does not
// tell. socket is written as in /proc/PID/fd: "socket:[inode]".
func holder(ctx context.Context, socket string, likely int) int {
	if likely > 0 && holds(likely, socket) {
		return likely
	}
	pids, err := process.PidsWithContext(ctx)
	if err != nil {
		return 0
	}
	for _, pid := range pids {
		if holds(int(pid), socket) {
			return int(pid)
		}
	}
	return 0
}

func holds(pid int, socket string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, name := range names {
		if to, err := os.Readlink(dir + "/" + name); err == nil && to == socket {
			return true
		}
	}
	return false
}
