// Package handover gives an address that contains a secret to a browser of our user, and to
// nobody else.
//
// A browser gets the address to open as an argument, and every user of the machine can read
// arguments. So the argument is a link to this program: a random path on 127.0.0.1. The
// link is not a secret. This program checks each connection and answers only sockets of our
// own user ([peer.Check]). Connections of other users are refused and do not use up the
// link. The browser of our user gets a page. The script in the page fetches the address
// from a second random path, which only that page contains, and then opens the address. So
// it also works when a browser requests the link in advance, or twice. After the first
// complete answer with the address, there are no more answers.
//
// The package uses HTTP on every system instead of a file with mode 0600 that is opened as
// file://. Browsers in a snap or flatpak cannot read hidden folders, /run, or our /tmp. On
// many desktops an editor opens files. And the secret would be stored on a disk.
//
// The secret is what the [Ticket] returns. Browsers write every address that they show to
// their history on disk, with the fragment, in whatever way they were led there: Chromium
// does so for location.replace, too. OpenClaw has a single-use sign-in for browsers, which
// would be worthless in a history. But 2026.9.6 only issues it through its command line,
// which takes 6 s on an idle machine and a minute on a busy one. It expires after 10 min,
// so having one ready would mean running that command again and again. Nobody should wait
// that long after a click, so at present the ticket is the shared token: it goes to a
// program of the user, who can read it in openclaw.json anyway. When a gateway can issue
// tickets itself, only the Ticket function has to change. A Ticket may take its time: the
// browser starts meanwhile and shows that it waits.
package handover

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"clawtray/supervisor/peer"
)

// Lifetime is how long the link works at most. A browser that starts on a slow disk, starts
// as a snap for the first time, or asks for a profile, takes a minute or more. Other users
// gain nothing from the time, because they are refused.
const Lifetime = 2 * time.Minute

// ErrNoBrowser says that no browser of our user took the address.
var ErrNoBrowser = errors.New("no browser has asked for the page")

// Ticket returns the http or https address that signs a browser in. It may block until it
// has one. It is called once, while the browser starts.
type Ticket func(ctx context.Context) (address string, err error)

// Known returns a Ticket for a known address.
func Known(address string) Ticket {
	return func(context.Context) (string, error) { return address, nil }
}

// Words are the texts of the page. People see it only for a moment, unless something is
// wrong.
type Words struct {
	Language string // as in HTML: "en"
	Opening  string
	Used     string // says that the link does not work any more
	NoScript string // says that the browser runs no scripts here
}

// Open calls open with the link, and returns when a browser of our user has got the address
// of the ticket. open starts the browser; it may return before or after the browser asks,
// and only its error matters. An open that hangs does not block Open.
//
// The error is that of ctx, of the ticket or of open, or [ErrNoBrowser] after [Lifetime].
func Open(ctx context.Context, ticket Ticket, words Words, open func(link string) error) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return newHandOver(listener, peer.Check, words).run(ctx, ticket, open)
}

// handOver answers requests on its listener until the address is handed over.
type handOver struct {
	listener    net.Listener
	check       func(ctx context.Context, local, remote net.Addr) error
	page, claim string // paths
	words       Words

	ready   chan struct{} // closed when address is set
	address string

	mu      sync.Mutex
	refused error         // why the last connection was refused
	used    bool          // the address was handed over
	taken   chan struct{} // closed when used becomes true
}

func newHandOver(l net.Listener, check func(ctx context.Context, local, remote net.Addr) error, words Words) *handOver {
	return &handOver{listener: l, check: check, words: words, page: "/" + rand.Text(), claim: "/" + rand.Text(),
		ready: make(chan struct{}), taken: make(chan struct{})}
}

func (h *handOver) run(ctx context.Context, ticket Ticket, open func(link string) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Lifetime, ErrNoBrowser)
	defer cancel()
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: Lifetime, // a browser may connect long before it sends its request
		ErrorLog:          log.New(io.Discard, "", 0),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	server.SetKeepAlivesEnabled(false) // one request per connection, so that each request is checked and no connection stays open
	failed := make(chan error, 3)
	var serving sync.WaitGroup
	serving.Go(func() { failed <- server.Serve(h.listener) })
	defer serving.Wait()
	defer server.Close()
	go func() {
		if err := h.prepare(ctx, ticket); err != nil {
			failed <- err
		}
	}()
	go func() {
		if err := open("http://" + h.listener.Addr().String() + h.page); err != nil {
			failed <- err
		}
	}()
	select {
	case <-h.taken:
		return nil
	case err := <-failed:
		return h.unlessTaken(err)
	case <-ctx.Done():
		return h.unlessTaken(context.Cause(ctx))
	}
}

// prepare waits for the address of the ticket.
func (h *handOver) prepare(ctx context.Context, ticket Ticket) error {
	address, err := ticket(ctx)
	if err != nil {
		return err
	}
	if u, err := url.Parse(address); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("the dashboard's address is not one of a page") // the error of url.Parse would contain the secret
	}
	h.address = address
	close(h.ready)
	return nil
}

// unlessTaken returns nil when the address was handed over at the same moment. Otherwise it
// returns err; to ErrNoBrowser it adds that somebody was refused.
func (h *handOver) unlessTaken(err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.used:
		return nil
	case h.refused != nil && errors.Is(err, ErrNoBrowser):
		return fmt.Errorf("%w that may have it: %w", err, h.refused)
	}
	return err
}
