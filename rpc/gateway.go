package rpc

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
)

// Gateway is the other end of a connection: where it is, how it is reached, and
// why it may be trusted with a secret. Dial uses it for a session. Its methods
// Healthz, Startupz and Readyz ask over plain HTTP requests, without any secret.
type Gateway struct {
	// URL is the WebSocket address, "ws://127.0.0.1:18789" or one with wss. A path
	// is allowed; a user, a password or a fragment is not.
	URL string

	// TLSConfig is for wss. A gateway makes its own certificate, which nobody has
	// signed, so a caller has to pin it here. nil trusts what the system trusts.
	TLSConfig *tls.Config

	// DialContext opens the TCP connection. nil dials directly, without a proxy.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// Trusted says that the program at URL is known to be the right gateway, or that
	// the user has named it. When neither Trusted nor Verify is set, Dial sends no
	// token and no password; if one is needed, it fails after the challenge with
	// KindUntrusted.
	Trusted bool

	// Verify looks at the program at the other end of conn, which is the connection
	// that DialContext made. Dial calls it after the challenge, so that it is asked
	// only about something that behaves like a gateway, and before it sends a
	// secret. nil as the answer means trust, whatever Trusted says; an error ends
	// the attempt with KindUntrusted and is wrapped. ctx ends after
	// Limits.ConnectTimeout. Verify must not read from conn or write to it.
	Verify func(ctx context.Context, conn net.Conn) error
}

// String is the address without the parts that may hold a secret: user, path and query.
func (g Gateway) String() string {
	u, err := url.Parse(g.URL)
	if err != nil {
		return "an invalid URL"
	}
	return u.Scheme + "://" + u.Host
}

// GoString is String: %#v must not show more.
func (g Gateway) GoString() string { return g.String() }

// parse returns the URL, or what is wrong with it.
func (g Gateway) parse() (u *url.URL, wrong string) {
	u, err := url.Parse(g.URL)
	switch {
	case err != nil || (u.Scheme != "ws" && u.Scheme != "wss") || u.Host == "" || u.Fragment != "":
		return nil, "the gateway's URL must look like ws://127.0.0.1:18789"
	case u.User != nil:
		return nil, "the gateway's URL must not hold a user or password, Options.Credentials is for that"
	}
	return u, ""
}

// dial opens the TCP connection. The default sends no keep-alive probes of TCP,
// because the pings of a session say more.
func (g Gateway) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if g.DialContext != nil {
		return g.DialContext(ctx, network, addr)
	}
	return (&net.Dialer{KeepAlive: -1}).DialContext(ctx, network, addr)
}
