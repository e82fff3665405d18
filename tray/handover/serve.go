package handover

import (
	"crypto/rand"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/netip"
	"strconv"
)

// ServeHTTP refuses strangers before it looks at the path, so that they learn nothing.
func (h *handOver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Content-Security-Policy", "default-src 'none'")
	switch {
	case h.stranger(r):
		http.Error(w, "403 forbidden", http.StatusForbidden)
	// Without this check, a web page whose own name points to 127.0.0.1 could read our
	// answers (DNS rebinding).
	case r.Host != h.listener.Addr().String():
		http.Error(w, "403 forbidden", http.StatusForbidden)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
	case r.URL.Path == h.page:
		h.servePage(w)
	case r.URL.Path == h.claim:
		h.serveClaim(w, r)
	default:
		http.NotFound(w, r)
	}
}

// stranger reports whether the request does not come from a program of our user.
func (h *handOver) stranger(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err == nil {
		err = h.check(r.Context(), local, net.TCPAddrFromAddrPort(remote))
	}
	if err != nil && r.Context().Err() == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.refused = err
	}
	return err != nil
}

// page contains no secret, because browsers keep pages. location.replace removes the page
// from the tab's history. Some browsers render a page before the person sees it, which must
// not use up the link, so the script waits until the page is visible.
const page = `<!doctype html>
<html lang="%s"><meta charset="utf-8"><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<title>OpenClaw</title>
<p id="words" data-used="%s">%s</p>
<noscript><p>%s</p></noscript>
<script nonce="%s">
async function go() {
  try {
    const answer = await fetch("%s", {cache: "no-store"});
    if (!answer.ok) throw new Error(answer.statusText);
    location.replace(await answer.text());
  } catch {
    const words = document.getElementById("words");
    words.textContent = words.dataset.used;
  }
}
if (document.prerendering) document.addEventListener("prerenderingchange", go, {once: true});
else go();
</script>
</html>
`

func (h *handOver) servePage(w http.ResponseWriter) {
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; connect-src 'self'; script-src 'nonce-"+nonce+"'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	text := html.EscapeString
	fmt.Fprintf(w, page, text(h.words.Language), text(h.words.Used), text(h.words.Opening), text(h.words.NoScript), nonce, h.claim)
}

// serveClaim sends the address once. An answer that was not sent completely does not count.
func (h *handOver) serveClaim(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		return
	}
	select {
	case <-h.ready:
	case <-r.Context().Done(): // the tab was closed, or the ticket did not come in time
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Context().Err() != nil {
		return
	}
	if h.used {
		http.Error(w, "410 gone", http.StatusGone)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(h.address)))
	if _, err := w.Write([]byte(h.address)); err != nil {
		return
	}
	if http.NewResponseController(w).Flush() != nil {
		return
	}
	h.used = true
	close(h.taken)
}
