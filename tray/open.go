package tray

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"clawtray/tray/handover"
)

// copyTime is how long a clipboard program may take. It moves to the background when it has
// read the text.
const copyTime = 5 * time.Second

// noBrowserError says why the dashboard did not open. It contains the address without the
// secret, so that a person can open it.
type noBrowserError struct {
	address string
	err     error
}

func (e *noBrowserError) Error() string {
	return fmt.Sprintf("%v; the dashboard is at %s", e.err, e.address)
}

func (e *noBrowserError) Unwrap() error { return e.err }

// Browse opens the dashboard in the user's browser and returns when the browser has got the
// address, which contains a secret. The error contains the address without the secret.
func Browse(ctx context.Context, address string) error {
	return openSecret(ctx, address, textsFor(""), openWithSystem)
}

// openSecret opens an address that contains a secret. The secret never becomes an argument
// of a program, because every user of the machine could read it there (BEHAVIOUR K3).
func openSecret(ctx context.Context, address string, t *texts, open func(string) error) error {
	words := handover.Words{Language: t.page.Language, Opening: fmt.Sprintf(t.answer.Opening, t.answer.Dashboard), Used: t.page.Used, NoScript: t.page.NoScript}
	err := handover.Open(ctx, handover.Known(address), words, open)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return &noBrowserError{withoutSecret(address), err}
}

// withoutSecret returns the address of the page without the secret.
func withoutSecret(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// openFile opens a file or folder. It returns when ctx ends, so that Quit does not wait for
// a program that hangs.
func (o Options) openFile(ctx context.Context, path string) error {
	return beside(ctx, func() error { return o.System.Open(path) })
}

// copyOut puts text on the clipboard. It returns when ctx ends or a limit has passed, so
// that neither Quit nor the click waits for a program that hangs.
func (o Options) copyOut(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*copyTime, errors.New("the clipboard does not answer"))
	defer cancel()
	return beside(ctx, func() error { return o.System.Copy(text) })
}

// beside does work on another goroutine. It returns when the work is done or ctx has ended.
func beside(ctx context.Context, work func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- work() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// writeText writes text to a file of the user that editors open as text.
func writeText(text string) (path string, err error) {
	dir, err := os.MkdirTemp("", appName+"-")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "diagnostics.txt")
	return path, os.WriteFile(path, []byte(text), 0o600)
}
