//go:build unix

package tray

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// openTime is how long we wait for an opener to say that it failed. An opener that runs
// longer has succeeded: xdg-open keeps running when it starts the browser itself.
const openTime = 5 * time.Second

// opener is a program of the system that opens files and pages with others.
type opener struct {
	name, origin string        // origin says how to install it
	failed       []int         // exit codes that mean failure; empty means all except 0
	limit        time.Duration // how long to wait for the exit code
}

func openWithSystem(target string) error { return systemOpener.open(target) }

// open starts the opener and returns when it has ended or has run for its limit. The opener
// and the programs that it starts belong to the user: they get none of our streams and a
// session of their own, so that they neither wait for us nor end with us or our terminal.
func (o opener) open(target string) error {
	if _, err := os.Stat(target); filepath.IsAbs(target) && errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("there is no %s yet", target)
	}
	cmd := exec.Command(o.name, target) // its standard streams are /dev/null
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("there is no %s, which opens pages and files (%s)", o.name, o.origin)
	} else if err != nil {
		return err
	}
	ended := make(chan int, 1)
	go func() { // also frees the ended process
		cmd.Wait()
		ended <- cmd.ProcessState.ExitCode()
	}()
	limit := time.NewTimer(o.limit)
	defer limit.Stop()
	select {
	case code := <-ended:
		if slices.Contains(o.failed, code) || o.failed == nil && code != 0 {
			return fmt.Errorf("%s found no program that opens it (exit code %d)", o.name, code)
		}
	case <-limit.C:
	}
	return nil
}

// clipboards returns the programs that put their input on the clipboard, the best first.
func clipboards() [][]string {
	programs := [][]string{{"pbcopy"}, {"xclip", "-in", "-selection", "clipboard"}, {"xsel", "--input", "--clipboard"}, {"clip.exe"}}
	if os.Getenv("WAYLAND_DISPLAY") != "" {
		programs = slices.Insert(programs, 0, []string{"wl-copy"})
	}
	return programs
}

func copyToClipboard(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), copyTime)
	defer cancel()
	return copyUntil(ctx, text)
}

// copyUntil runs a clipboard program. When ctx ends, it ends the program and what that has
// started. The library that we use on Windows would wait for ever here.
func copyUntil(ctx context.Context, text string) error {
	for _, program := range clipboards() {
		path, err := exec.LookPath(program[0])
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, path, program[1:]...)
		cmd.Stdin = strings.NewReader(text)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = time.Second
		if err := cmd.Run(); ctx.Err() != nil {
			return fmt.Errorf("%s does not answer", program[0])
		} else if err != nil {
			return fmt.Errorf("%s: %w", program[0], err)
		}
		return nil
	}
	return errors.New("install xclip, xsel or wl-clipboard")
}
