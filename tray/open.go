package tray

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/atotto/clipboard"
)

// handoffTime is how long a browser has to fetch the address it is sent to. A
// cold browser on a slow disk takes a while.
const handoffTime = time.Minute

var errNoBrowser = errors.New("no browser asked for the page")

// Browse opens an address that contains a secret, such as the dashboard's, in the
// user's browser. It returns when the browser has fetched it.
func Browse(ctx context.Context, url string) error {
	return openSecret(ctx, url, openWithSystem)
}

// openSecret opens an address that contains a secret without putting it into
// an argument list, where every user of the machine could read it (BEHAVIOUR
// K3). The browser gets a random address on loopback, good for one request,
// and is sent on from there.
func openSecret(ctx context.Context, url string, open func(string) error) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	path := "/" + rand.Text()
	var taken atomic.Bool
	served := make(chan struct{})
	server := &http.Server{
		ReadHeaderTimeout: handoffTime,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path || r.Method != http.MethodGet || !taken.CompareAndSwap(false, true) {
				http.NotFound(w, r)
				return
			}
			defer close(served)
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Referrer-Policy", "no-referrer")
			http.Redirect(w, r, url, http.StatusSeeOther)
		}),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	defer server.Close()
	if err := open("http://" + listener.Addr().String() + path); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, handoffTime, errNoBrowser)
	defer cancel()
	select {
	case <-served:
		return server.Shutdown(ctx) // waits for the answer that is on its way
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-failed:
		return err
	}
}

func copyToClipboard(text string) error {
	if clipboard.Unsupported {
		return errors.New("install xclip, xsel or wl-clipboard")
	}
	return clipboard.WriteAll(text)
}

// writeText puts text into a file of the user's that editors open as text.
func writeText(text string) (path string, err error) {
	dir, err := os.MkdirTemp("", appName+"-")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "diagnostics.txt")
	return path, os.WriteFile(path, []byte(text), 0o600)
}
