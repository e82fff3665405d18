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

// outputGrace is how long to wait for the rest of the output after a program has ended. The
// whole time is only needed when a process that the program started keeps the pipe open.
// With 0.2 s, the answer of a Node was lost on a busy machine and that Node counted as
// unusable.
const outputGrace = 2 * time.Second

// runQuietly runs cmd without access to our terminal and returns at most 64 KiB of its
// standard output.
func runQuietly(ctx context.Context, cmd *exec.Cmd, env []string, dir string) (string, error) {
	var out capped
	cmd.Env, cmd.Dir, cmd.Stdout = env, existingDir(dir), &out
	cmd.WaitDelay = outputGrace
	apart(cmd)
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the program succeeded; background processes that it left do not matter
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.String(), err
}

// existingDir returns dir, or the root folder when dir does not exist, because a program
// cannot start in a missing folder.
func existingDir(dir string) string {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return dir
	}
	return string(filepath.Separator)
}

// maxOutput limits how much of a program's output is kept: a version is one line, a
// doctor's report some pages.
const maxOutput = 64 << 10

// capped keeps the first and the last half of maxOutput bytes.
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
