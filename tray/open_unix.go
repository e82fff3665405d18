//go:build unix

package tray

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// openTime is how long the opener may take before it counts as a program that
// stays, such as a browser that xdg-open became.
const openTime = 2 * time.Second

func openWithSystem(target string) error {
	program := "xdg-open"
	if runtime.GOOS == "darwin" {
		program = "open"
	}
	var output strings.Builder
	cmd := exec.Command(program, target)
	cmd.Stderr = &output
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("there is no %s, which opens pages and files (package xdg-utils)", program)
	} else if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("%s: %w: %s", program, err, plain(output.String()))
		}
	case <-time.After(openTime):
	}
	return nil
}
