package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"time"

	"clawtray/supervisor"
)

// TestDeal: each fault has its cards in each round, and a seed gives the order.
func TestDeal(t *testing.T) {
	for _, user := range []who{owner, guest} {
		cards := func() []fault { return faults.of(user, regexp.MustCompile("")) }
		round := len(cards())
		names := func(seed uint64) (names []string) {
			for f := range deal(cards(), seed) {
				if names = append(names, f.name); len(names) == 2*round {
					break
				}
			}
			return names
		}
		first := names(1)
		if slices.Equal(first[:round], first[round:]) || !slices.Equal(first, names(1)) || slices.Equal(first, names(2)) {
			t.Error("the seed does not give the order of each round")
		}
		times := map[string]int{}
		for _, name := range first[round:] {
			times[name]++
		}
		for _, f := range faults {
			if f.who == user && times[f.name] != max(1, f.often) {
				t.Errorf("%q has %d cards", f.name, times[f.name])
			}
		}
	}
	for range deal(faults.of(owner, regexp.MustCompile("no such fault")), 1) {
		t.Fatal("a card of an empty deck")
	}
}

// TestClockOfOneProcess: another process can be given another time, and its own back.
func TestClockOfOneProcess(t *testing.T) {
	if why := clock(nil); why != "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "CHAOS_TELLS_THE_TIME=1")
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer in.Close()
	told := bufio.NewReader(out)
	ask := func() (wall, elapsed int64) {
		fmt.Fprintln(in)
		line, err := told.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		fmt.Sscan(line, &wall, &elapsed)
		return wall, elapsed
	}
	ask() // while a program begins, it has no vDSO yet
	for _, by := range []time.Duration{0, time.Hour, -time.Hour, 0} {
		if err := setClock(other.Process.Pid, by); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		wall, elapsed := ask()
		if at := time.Unix(0, wall).Add(-by); at.Before(before.Round(0)) || at.After(time.Now()) {
			t.Errorf("a clock set by %v tells %v", by, time.Unix(0, wall))
		}
		if time.Duration(elapsed).Abs() > time.Minute*30 {
			t.Errorf("the monotonic clock has jumped by %v, too", time.Duration(elapsed))
		}
	}
}

// TestMain is also the process that tells the time.
func TestMain(m *testing.M) {
	if os.Getenv("CHAOS_TELLS_THE_TIME") == "" {
		os.Exit(m.Run())
	}
	began := time.Now()
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		fmt.Println(time.Now().UnixNano(), int64(time.Since(began)))
	}
}

// TestFaultsSayWhatTheyAre: a fault does something, or says why it is left out.
func TestFaultsSayWhatTheyAre(t *testing.T) {
	for _, f := range faults {
		if f.do == nil && f.skip(&house{}) == "" {
			t.Errorf("%q does nothing, and is not left out", f.name)
		}
	}
}

// TestObserverNoticesWhatIsUntrue: each promise of a status is looked at.
func TestObserverNoticesWhatIsUntrue(t *testing.T) {
	all := supervisor.Facts{ProcessAlive: true, PortOpen: true, ProtocolAlive: true, RPCAlive: true}
	for name, c := range map[string]struct {
		status supervisor.Status
		wrong  int
	}{
		"in order":                    {supervisor.Status{Seq: 2, State: supervisor.Running, Facts: all}, 0},
		"out of order":                {supervisor.Status{Seq: 1, State: supervisor.Running, Facts: all}, 1},
		"runs without a fact":         {supervisor.Status{Seq: 2, State: supervisor.Running}, 1},
		"an error without a cause":    {supervisor.Status{Seq: 2, State: supervisor.Failed}, 1},
		"waits for nothing":           {supervisor.Status{Seq: 2, State: supervisor.Reconnecting, Phase: supervisor.Waiting}, 1},
		"stopped, and nobody knows":   {supervisor.Status{Seq: 2, State: supervisor.Stopped}, 1},
		"stopped, and a process left": {supervisor.Status{Seq: 2, State: supervisor.Stopped, Cause: supervisor.Cause{Code: supervisor.UserStop}, PID: 1, Mode: supervisor.Managed}, 1},
	} {
		var o observer
		o.add(c.status, 2)
		if wrong := o.takeWrong(); len(wrong) != c.wrong {
			t.Errorf("%s: %q", name, wrong)
		}
	}
}

// TestTableCountsViolations, for they are the exit code.
func TestTableCountsViolations(t *testing.T) {
	results := []result{{name: "a", recovered: true}, {name: "a", violations: []string{"x", "y"}}, {name: "b", skipped: "no disk"}, {name: "c", violations: []string{"z"}}}
	if n := table(results); n != 3 {
		t.Errorf("%d violations", n)
	}
}
