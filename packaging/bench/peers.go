//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"clawtray/packaging/outside"
	"clawtray/supervisor/openclaw"
)

// peer is another supervisor that keeps one program running.
type peer struct {
	name string
	// command makes what it needs in dir and returns how it is started. run is a shell
	// script that becomes the program.
	command func(dir, run string) (argv []string, err error)
	stop    syscall.Signal
}

// peers are the supervisors that are installed here.
func peers(pm2 string) (list []peer) {
	for _, p := range []struct {
		peer
		needs string
	}{
		{peer{"supervisord", supervisord, syscall.SIGTERM}, "supervisord"},
		{peer{"runit", service("runsv"), syscall.SIGTERM}, "runsv"},
		{peer{"s6", service("s6-supervise"), syscall.SIGTERM}, "s6-supervise"},
		{peer{"PM2", func(_, run string) ([]string, error) {
			return []string{pm2, run, "--interpreter", "sh"}, nil
		}, syscall.SIGINT}, pm2},
	} {
		if _, err := exec.LookPath(p.needs); err == nil {
			list = append(list, p.peer)
		}
	}
	return list
}

func supervisord(dir, run string) ([]string, error) {
	config := filepath.Join(dir, "supervisord.conf")
	return []string{"supervisord", "-c", config}, os.WriteFile(config, fmt.Appendf(nil,
		"[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=%s/pid\n[program:it]\ncommand=%s\nautorestart=true\nstdout_logfile=NONE\nstderr_logfile=NONE\nstopasgroup=true\n", dir, run), 0o600)
}

// service is for supervisors that take a folder with a program named run.
func service(program string) func(dir, run string) ([]string, error) {
	return func(dir, run string) ([]string, error) {
		return []string{program, dir}, os.Symlink(run, filepath.Join(dir, "run"))
	}
}

// start supervises a command in a new folder below dir until the returned function is called.
func (p peer) start(ctx context.Context, dir string, c openclaw.Command) (pid int, stop func() error, err error) {
	if dir, err = os.MkdirTemp(dir, "peer-"); err != nil {
		return 0, nil, err
	}
	var words []string
	for _, word := range append([]string{c.Path}, c.Args...) {
		words = append(words, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
	}
	run := filepath.Join(dir, "it")
	if err := os.WriteFile(run, []byte("#!/bin/sh\nexec "+strings.Join(words, " ")+"\n"), 0o700); err != nil { // #nosec G306 -- a program
		return 0, nil, err
	}
	argv, err := p.command(dir, run)
	if err != nil {
		return 0, nil, err
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append([]string{"PM2_HOME=" + dir}, c.Env...)
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	return cmd.Process.Pid, func() error {
		if err := cmd.Process.Signal(p.stop); err != nil {
			return err
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) { // each has a code of its own for this end
			return err
		}
		return nil
	}, nil
}

// crashUnder measures from the kill of a gateway under another supervisor until the next
// one answers. It has been ready for ten seconds: these supervisors ask for one.
func (b *clock) crashUnder(ctx context.Context, p peer) error {
	supervisor, stop, err := p.start(ctx, b.home.dir, b.gateway())
	if err != nil {
		return err
	}
	defer func() { _ = stop() }()
	if err := b.answers(ctx, time.Now(), new(samples)); err != nil {
		return err
	}
	time.Sleep(10 * time.Second)
	pid, err := listener(supervisor, b.home.port)
	if err != nil {
		return err
	}
	began, away := time.Now(), b.away[p.name]
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	for outside.Listens(pid, b.home.port) {
		time.Sleep(time.Millisecond)
	}
	err = b.answers(ctx, began, &away)
	b.away[p.name] = away
	return err
}

// listener is the descendant of a process that listens on the port.
func listener(ancestor, port int) (int, error) {
	p, err := process.NewProcess(int32(ancestor))
	if err != nil {
		return 0, err
	}
	for todo := []*process.Process{p}; len(todo) > 0; todo = todo[1:] {
		if outside.Listens(int(todo[0].Pid), port) {
			return int(todo[0].Pid), nil
		}
		children, _ := todo[0].Children() // none is an error
		todo = append(todo, children...)
	}
	return 0, errors.New("nobody listens")
}
