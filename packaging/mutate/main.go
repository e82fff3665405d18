// Command mutate breaks the program in the ways that a list describes, one at a time, and
// runs the tests of the package that should notice. `make mutate` runs it.
//
//	go run ./packaging/mutate [-run WORDS] [LIST]
//
// An entry of the list is
//
//	== FILE PACKAGE... [IDS]: what is broken
//	- old line
//	+ new line
//
// The old lines must occur exactly once in the file. IDS, such as [XH2|C4], may be left
// out: the tests with one of them in their name run first, the others only when those pass.
// An entry whose description ends with "(lives: REASON)" may survive. The files themselves
// are never changed; the compiler gets a changed copy instead.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mutation is one way to break the program.
type mutation struct {
	file     string
	packages []string
	ids      string // a regular expression
	what     string
	old, new string
}

// verdict is the result for a mutation.
type verdict string

const (
	killed   verdict = "killed"
	survived verdict = "SURVIVED"
	lives    verdict = "lives"     // no test failed, which the list allows
	notFound verdict = "NOT FOUND" // the old lines are missing, or occur more than once
	notGo    verdict = "NOT COMPILED"
)

// score is what became of the mutations of one folder.
type score struct{ killed, made int }

func (s score) with(v verdict) score {
	switch v {
	case killed:
		s.killed++
		s.made++
	case survived, lives:
		s.made++
	}
	return s
}

func main() {
	only := flag.String("run", "", "only mutations whose file and description hold these words")
	flag.Parse()
	text, err := os.ReadFile(cmp.Or(flag.Arg(0), "packaging/mutate/list.txt"))
	must(err)
	count, scores := map[verdict]int{}, map[string]score{}
	for _, m := range parse(string(text)) {
		if !strings.Contains(m.file+": "+m.what, *only) {
			continue
		}
		began := time.Now()
		v, how := m.try()
		count[v]++
		scores[path.Dir(m.file)] = scores[path.Dir(m.file)].with(v)
		fmt.Printf("%-12s %5.1fs %s: %s %s\n", v, time.Since(began).Seconds(), m.file, m.what, how)
	}
	for _, dir := range slices.Sorted(maps.Keys(scores)) {
		fmt.Printf("%s: %d of %d killed, %.0f %%\n", dir, scores[dir].killed, scores[dir].made, 100*float64(scores[dir].killed)/float64(max(scores[dir].made, 1)))
	}
	unmade := count[notFound] + count[notGo]
	fmt.Printf("%d killed, %d survived, %d live for a reason, %d cannot be made\n", count[killed], count[survived], count[lives], unmade)
	if count[survived]+unmade > 0 {
		os.Exit(1)
	}
}

// parse reads the list.
func parse(text string) (list []mutation) {
	header := regexp.MustCompile(`^== (\S+) ([^:\[]+)(?:\[(\S+)\])?: (.*)`)
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if h := header.FindStringSubmatch(line); h != nil {
			list = append(list, mutation{file: h[1], packages: strings.Fields(h[2]), ids: h[3], what: h[4]})
		} else if len(list) > 0 && (line == "-" || strings.HasPrefix(line, "- ")) {
			list[len(list)-1].old += strings.TrimPrefix(line[1:], " ") + "\n"
		} else if len(list) > 0 && (line == "+" || strings.HasPrefix(line, "+ ")) {
			list[len(list)-1].new += strings.TrimPrefix(line[1:], " ") + "\n"
		}
	}
	return list
}

// source returns the text of the file; ok is false unless the old lines occur once in it.
func (m mutation) source() (text string, ok bool) {
	raw, err := os.ReadFile(m.file)
	return string(raw), err == nil && m.old != "" && strings.Count(string(raw), m.old) == 1
}

// try breaks the program and runs the tests. how says which test noticed.
func (m mutation) try() (v verdict, how string) {
	source, ok := m.source()
	if !ok {
		return notFound, ""
	}
	dir, err := os.MkdirTemp("", "mutate-")
	must(err)
	defer os.RemoveAll(dir)
	overlay := m.overlay(dir, strings.Replace(source, m.old, m.new, 1))
	for _, p := range m.packages {
		limit := whole(dir, p)
		binary, said := build(dir, p, "-overlay="+overlay)
		if binary == "" {
			return notGo, "\n" + said
		}
		first := `(^Test|_)(` + m.ids + `)(_|$)`
		for _, some := range []string{"-test.run=", "-test.skip="} {
			if ok, said := test(dir, p, binary, limit, some+first); !ok {
				return killed, "(" + witness(said) + ")"
			}
		}
	}
	if strings.Contains(m.what, "(lives: ") {
		return lives, ""
	}
	return survived, ""
}

// overlay writes the broken file and the compiler's overlay file to dir.
func (m mutation) overlay(dir, broken string) string {
	path, err := filepath.Abs(m.file)
	next, table := filepath.Join(dir, "broken.go"), filepath.Join(dir, "overlay.json")
	data, err2 := json.Marshal(map[string]map[string]string{"Replace": {path: next}})
	must(errors.Join(err, err2, os.WriteFile(next, []byte(broken), 0o600), os.WriteFile(table, data, 0o600)))
	return table
}

// build builds the tests of a package without debug information. When the compiler fails,
// binary is "" and said is its output.
func build(dir, pkg string, flags ...string) (binary, said string) {
	binary = filepath.Join(dir, strings.ReplaceAll(pkg, "/", "_")+".test")
	out, err := exec.Command("go", append(append([]string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}, flags...), pkg)...).CombinedOutput()
	if err != nil {
		return "", string(out)
	}
	return binary, ""
}

// test runs a binary of build, and ends the processes that it leaves behind. A test that
// hangs until limit has noticed the mutation, too.
func test(dir, pkg, binary string, limit time.Duration, which string) (ok bool, said string) {
	ctx, cancel := context.WithTimeout(context.Background(), limit+time.Minute) // in case even -test.timeout hangs
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, which, "-test.short", "-test.failfast", "-test.timeout="+limit.String())
	out, err := os.Create(filepath.Join(dir, "output")) // with a pipe, we would wait until all children of a test have ended
	must(err)
	defer out.Close()
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = pkg, append(os.Environ(), "TMPDIR="+dir), out, out
	err = cmd.Run()
	links, _ := filepath.Glob("/proc/[0-9]*/exe") // tests use their own binary as other programs, which may not end when the program is broken
	for _, link := range links {
		if path, _ := os.Readlink(link); path == binary {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
			}
		}
	}
	text, _ := os.ReadFile(out.Name())
	return err == nil, string(text)
}

var witnesses = regexp.MustCompile(`(?m)^\s*(--- FAIL: \S+|panic: .*|.*unexpected goroutines)`)

// witness returns the first failure in the output of tests.
func witness(said string) string {
	if at := witnesses.FindString(said); at != "" {
		return strings.TrimPrefix(strings.TrimSpace(at), "--- FAIL: ")
	}
	return strings.TrimSpace(said[max(0, len(said)-80):])
}

var limits = map[string]time.Duration{}

// whole checks that the tests of a package pass while nothing is broken, and returns how
// long they may take.
func whole(dir, pkg string) time.Duration {
	if limits[pkg] == 0 {
		binary, said := build(dir, pkg)
		began := time.Now()
		if ok, failed := test(dir, pkg, binary, 10*time.Minute, "-test.run="); !ok {
			must(fmt.Errorf("the tests of %s fail although nothing is broken:\n%s%s", pkg, said, failed))
		}
		limits[pkg] = 30*time.Second + 4*time.Since(began).Round(time.Second)
	}
	return limits[pkg]
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
}
