package machine

import (
	"bufio"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A process that waits for a processor counts as active, however little time it gets.
func TestF2_WaitingForAProcessorIsWork(t *testing.T) {
	var allowed, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		t.Fatal(err)
	}
	for cpu := range 1024 {
		if allowed.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	// Two processes share one processor. They count when they are told to, and then wait.
	const count = `read go; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo counted; read end`
	var pids []int
	var starts, ends []func()
	for range 2 {
		cmd := exec.Command("sh", "-c", count)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer in.Close()
		if err := unix.SchedSetaffinity(cmd.Process.Pid, &one); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, cmd.Process.Pid)
		starts = append(starts, func() { in.Write([]byte("\n")) })
		ends = append(ends, func() { bufio.NewReader(out).ReadString('\n') })
	}
	for _, start := range starts {
		start()
	}
	for _, end := range ends {
		end()
	}
	var stood time.Duration
	for _, pid := range pids {
		stood += waited(pid)
		if worked, _, err := activity(pid); err != nil || worked < waited(pid) {
			t.Errorf("activity is %v, %v; it waited %v", worked, err, waited(pid))
		}
	}
	if stood < time.Millisecond {
		t.Errorf("two that shared a processor waited %v", stood)
	}
}
