package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// sentence is an error that is a complete sentence for people. What the HTTP client adds to
// it about its request is left out.
type sentence struct{ error }

func say(format string, args ...any) error { return &sentence{fmt.Errorf(format, args...)} }

// passing is a sentence about a problem that may be over in a moment. For example, a
// clawtray that starts has its lock before it has its socket.
type passing struct{ error }

// connect connects to the instance whose state folder is dir. It tries again for a while
// when the problem is passing.
func connect(ctx context.Context, dir string) (net.Conn, error) {
	giveUp := time.Now().Add(comes)
	for {
		conn, err := dial(ctx, dir)
		soon, ok := errors.AsType[*passing](err)
		if !ok {
			return conn, err
		}
		if time.Now().After(giveUp) {
			return nil, &sentence{soon.error}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lookForIt):
		}
	}
}

// dial makes one try to connect. Its errors say in sentences why that failed.
func dial(ctx context.Context, dir string) (net.Conn, error) {
	owner, running, err := Look(dir)
	who := "clawtray" + owner.process()
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, say("you may not read %s, so it is not known whether clawtray is running", dir)
	case err != nil:
		return nil, &sentence{err}
	case !running:
		return nil, &sentence{ErrNotRunning}
	case owner.Problem != "":
		return nil, say("%s is running, but no command reaches it, because it has no socket: %s", who, owner.Problem)
	case owner.Socket == "":
		return nil, &passing{fmt.Errorf("%s is running, but has not said where its socket is; try again in a moment", who)}
	}
	if err := checkSocket(owner.Socket); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &passing{fmt.Errorf("%s is running, but somebody removed its socket %s; it makes a new one within a minute", who, owner.Socket)}
		}
		return nil, &sentence{err}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", owner.Socket)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, &passing{fmt.Errorf("%s is running, but does not listen on its socket %s; try again in a moment", who, owner.Socket)}
	case errors.Is(err, syscall.EAGAIN): // too many clients wait already
		return nil, &passing{fmt.Errorf("%w%s", errSilent, owner.process())}
	case errors.Is(err, fs.ErrPermission):
		return nil, say("%s is running, but you may not open its socket %s", who, owner.Socket)
	default:
		return nil, say("%s is running, but its socket %s cannot be opened: %w", who, owner.Socket, inner(err))
	}
	if err := checkPeer(conn); err != nil {
		conn.Close()
		return nil, say("clawtray's socket %s is not trusted: %w", owner.Socket, err)
	}
	return conn, nil
}

// checkSocket fails for a socket that another user may have made.
func checkSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return &linkError{path}
	case !mine(info):
		return foreign(path, info)
	}
	return ours(filepath.Dir(path))
}
