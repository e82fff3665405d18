package openclaw

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// outputGrace is how long to wait for output after a program was ended, when something it
// started keeps the pipe open.
const outputGrace = 200 * time.Millisecond

// runQuietly runs cmd apart from our terminal and returns its standard output, at most 64 KiB of it.
func runQuietly(ctx context.Context, cmd *exec.Cmd, env []string, dir string) (string, error) {
	var out capped
	cmd.Env, cmd.Dir, cmd.Stdout = env, existingDir(dir), &out
	cmd.WaitDelay = outputGrace
	apart(cmd)
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it ended well; what it left in the background is not our question
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.String(), err
}

// existingDir returns dir, or the root when it is gone: a program cannot start in no folder.
func existingDir(dir string) string {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return dir
	}
	return string(filepath.Separator)
}

// maxOutput bounds what is kept of a program's output: a version is a line, a doctor's report some pages.
const maxOutput = 64 << 10

// capped keeps the first half and the last half of maxOutput.
type capped struct {
	head, tail bytes.Buffer
	lost       bool
}

func (c *capped) Write(p []byte) (int, error) {
	n := len(p)
	if room := maxOutput/2 - c.head.Len(); room > 0 {
		k := min(room, len(p))
		c.head.Write(p[:k])
		p = p[k:]
	}
	c.tail.Write(p)
	if extra := c.tail.Len() - maxOutput/2; extra > 0 {
		c.tail.Next(extra)
		c.lost = true
	}
	return n, nil
}

func (c *capped) String() string {
	if c.lost {
		return c.head.String() + "\n[...]\n" + c.tail.String()
	}
	return c.head.String() + c.tail.String()
}
