package handover

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clawtray/supervisor/peer"

	"go.uber.org/goleak"
)

const (
	canary = "canary-0123456789"
	secret = "http://127.0.0.1:1/#token=" + canary
)

var english = Words{Language: "en", Opening: "Opening", Used: "Used", NoScript: "No scripts"}

// answer is the response that a browser gets.
type answer struct {
	status int
	header http.Header
	body   string
}

// browser sends requests as a browser does.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T, dial func(ctx context.Context, network, addr string) (net.Conn, error)) browser {
	return browser{t, &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// ask returns the answer; its status is 0 when there is no server.
func (b browser) ask(method, url string, change ...func(*http.Request)) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, url, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range change {
		c(r)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return answer{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

var fetched = regexp.MustCompile(`fetch\("(/[A-Z2-7]{26})"`)

// claimOf returns the address from which the script of the page fetches the address of the
// ticket.
func claimOf(t *testing.T, link string, page answer) string {
	t.Helper()
	path := fetched.FindStringSubmatch(page.body)
	if page.status != http.StatusOK || path == nil {
		t.Fatalf("the page is %d %q", page.status, page.body)
	}
	base, _, _ := strings.Cut(strings.TrimPrefix(link, "http://"), "/")
	return "http://" + base + path[1]
}

// arrives does what the script of the page does.
func (b browser) arrives(link string) answer {
	b.t.Helper()
	return b.ask(http.MethodGet, claimOf(b.t, link, b.ask(http.MethodGet, link)))
}

// opening runs Open with an opener that only reports the link.
func opening(t *testing.T, ticket Ticket) (link string, ended <-chan error) {
	t.Helper()
	links, end := make(chan string, 1), make(chan error, 1)
	go func() {
		end <- Open(t.Context(), ticket, english, func(link string) error { links <- link; return nil })
	}()
	return <-links, end
}

func refusedAll(t *testing.T, b browser, link string) {
	t.Helper()
	path := func(p string) func(*http.Request) { return func(r *http.Request) { r.URL.Path = p } }
	for name, c := range map[string]struct {
		method string
		change func(*http.Request)
		want   int
	}{
		"another path":      {http.MethodGet, path("/"), http.StatusNotFound},
		"favicon":           {http.MethodGet, path("/favicon.ico"), http.StatusNotFound},
		"a name of its own": {http.MethodGet, func(r *http.Request) { r.Host = "evil.example" }, http.StatusForbidden},
		"a name with port":  {http.MethodGet, func(r *http.Request) { r.Host = "localhost:" + r.URL.Port() }, http.StatusForbidden},
		"POST":              {http.MethodPost, func(*http.Request) {}, http.StatusMethodNotAllowed},
		"OPTIONS":           {http.MethodOptions, func(*http.Request) {}, http.StatusMethodNotAllowed},
	} {
		got := b.ask(c.method, link, c.change)
		if got.status != c.want || got.header.Get("Cache-Control") != "no-store" || strings.Contains(got.body, canary) || fetched.MatchString(got.body) {
			t.Errorf("%s: %+v, want %d", name, got, c.want)
		}
	}
}

// K3: the program that opens the dashboard never sees the secret, and the page does not
// contain it. A browser that requests the page in advance, twice and in parts gets the
// address, once.
func TestK3_ABrowserThatAsksTwiceArrives(t *testing.T) {
	link, ended := opening(t, Known(secret))
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/[A-Z2-7]{26}$`).MatchString(link) {
		t.Fatalf("the opener got %s", link)
	}
	b := newBrowser(t, nil)
	refusedAll(t, b, link)

	speculative, err := net.Dial("tcp", strings.Split(link, "/")[2])
	if err != nil {
		t.Fatal(err)
	}
	defer speculative.Close()
	if head := b.ask(http.MethodHead, link); head.status != http.StatusOK || head.body != "" {
		t.Errorf("HEAD: %+v", head)
	}
	first, second := b.ask(http.MethodGet, link), b.ask(http.MethodGet, link)
	claim := claimOf(t, link, second)
	if claimOf(t, link, first) != claim {
		t.Error("the pages ask in two places")
	}
	for _, page := range []answer{first, second} {
		if strings.Contains(page.body, canary) || page.header.Get("Cache-Control") != "no-store" || page.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("the page: %+v", page)
		}
		nonce := regexp.MustCompile(`script-src 'nonce-(\w+)'`).FindStringSubmatch(page.header.Get("Content-Security-Policy"))
		if nonce == nil || !strings.Contains(page.body, `nonce="`+nonce[1]+`"`) {
			t.Errorf("no nonce: %+v", page)
		}
	}
	if head := b.ask(http.MethodHead, claim); head.status != http.StatusOK {
		t.Errorf("HEAD: %+v", head)
	}

	var tabs sync.WaitGroup
	got := make(chan answer, 5)
	for range cap(got) {
		tabs.Go(func() { got <- b.ask(http.MethodGet, claim) })
	}
	tabs.Wait()
	close(got)
	arrived := 0
	for a := range got {
		if a.body == secret && a.status == http.StatusOK && a.header.Get("Cache-Control") == "no-store" {
			arrived++
		} else if strings.Contains(a.body, canary) {
			t.Errorf("an answer: %+v", a)
		}
	}
	if arrived != 1 {
		t.Errorf("%d of 5 tabs arrived, want 1", arrived)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if after := b.ask(http.MethodGet, claim); after.status != 0 {
		t.Errorf("afterwards: %+v", after)
	}
}

// memory is a listener in memory, for the bubbles of synctest.
type memory struct {
	conns chan net.Conn
	once  sync.Once
	end   chan struct{}
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), end: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.end:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.end) }); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80 + 8000} }

func (m *memory) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case m.conns <- addressed{server, m.Addr()}:
		return client, nil
	case <-m.end:
		return nil, net.ErrClosed
	}
}

// addressed is a connection with addresses as in TCP.
type addressed struct {
	net.Conn
	addr net.Addr
}

func (a addressed) LocalAddr() net.Addr  { return a.addr }
func (a addressed) RemoteAddr() net.Addr { return a.addr }

// bubbled runs Open in a bubble. check is the result for every connection.
func bubbled(t *testing.T, ctx context.Context, ticket Ticket, check error, open func(string) error) (b browser, link string, ended <-chan error) {
	m := newMemory()
	h := newHandOver(m, func(context.Context, net.Addr, net.Addr) error { return check }, english)
	end := make(chan error, 1)
	go func() { end <- h.run(ctx, ticket, open) }()
	synctest.Wait()
	return newBrowser(t, m.dial), "http://" + m.Addr().String() + h.page, end
}

func opens(string) error { return nil }

// XT1, XT13: the link works long enough for a browser that starts slowly, and no longer.
func TestXT1_AColdBrowserArrives(t *testing.T) {
	for _, after := range []time.Duration{0, 10 * time.Second, time.Minute, Lifetime - 1} {
		synctest.Test(t, func(t *testing.T) {
			b, link, ended := bubbled(t, t.Context(), Known(secret), nil, opens)
			time.Sleep(after)
			if a := b.arrives(link); a.body != secret {
				t.Errorf("after %v: %+v", after, a)
			}
			if err := <-ended; err != nil {
				t.Errorf("after %v: %v", after, err)
			}
		})
	}
}

func TestXT13_TheLinkDies(t *testing.T) {
	if Lifetime < time.Minute || Lifetime > 2*time.Minute {
		t.Errorf("the link lives for %v", Lifetime)
	}
	for name, c := range map[string]struct{ refused, want error }{
		"nobody asks":        {nil, ErrNoBrowser},
		"only strangers ask": {peer.ForeignError{User: "bert"}, peer.ForeignError{User: "bert"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			never := func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() }
			b, link, ended := bubbled(t, t.Context(), never, c.refused, opens)
			if a := b.ask(http.MethodGet, link); c.refused != nil && a.status != http.StatusForbidden {
				t.Errorf("%s: %+v", name, a)
			}
			time.Sleep(Lifetime - 1)
			select {
			case err := <-ended:
				t.Errorf("%s: too early: %v", name, err)
			default:
			}
			time.Sleep(time.Nanosecond)
			if err := <-ended; !errors.Is(err, ErrNoBrowser) || !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
			if a := b.ask(http.MethodGet, link); a.status != 0 {
				t.Errorf("%s: afterwards %+v", name, a)
			}
		})
	}
}

// XT1: of the opener, only its error matters, and not even that after a browser has got the
// address.
func TestXT1_TheOpener(t *testing.T) {
	broken := errors.New("no browser here")
	t.Run("fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, _, ended := bubbled(t, t.Context(), Known(secret), nil, func(string) error { return broken })
			if err := <-ended; err != broken {
				t.Error(err)
			}
		})
	})
	t.Run("fails after the browser came", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			h := newHandOver(m, func(context.Context, net.Addr, net.Addr) error { return nil }, english)
			err := h.run(t.Context(), Known(secret), func(link string) error {
				newBrowser(t, m.dial).arrives(link)
				return broken
			})
			if err != nil {
				t.Error(err)
			}
		})
	})
	// XT5: an opener that hangs blocks neither the browser nor Quit.
	for name, browses := range map[string]bool{"hangs and a browser came": true, "hangs and we quit": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hung := make(chan struct{})
				defer close(hung)
				ctx, quit := context.WithCancel(t.Context())
				defer quit()
				b, link, ended := bubbled(t, ctx, Known(secret), nil, func(string) error { <-hung; return nil })
				var want error
				if browses {
					b.arrives(link)
				} else {
					quit()
					want = context.Canceled
				}
				if err := <-ended; !errors.Is(err, want) {
					t.Error(err)
				}
			})
		})
	}
}

// XS1: a tab that is closed while it waits for the ticket does not use up the link.
func TestXS1_AnAnswerThatDidNotArriveDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticket := make(chan string)
		b, link, ended := bubbled(t, t.Context(), func(context.Context) (string, error) { return <-ticket, nil }, nil, opens)
		claim := claimOf(t, link, b.ask(http.MethodGet, link))
		ctx, closeTab := context.WithCancel(t.Context())
		left := make(chan answer, 1)
		go func() { left <- b.ask(http.MethodGet, claim, func(r *http.Request) { *r = *r.WithContext(ctx) }) }()
		synctest.Wait()
		closeTab()
		if a := <-left; a.status != 0 {
			t.Fatalf("the closed tab got %+v", a)
		}
		synctest.Wait()
		ticket <- secret
		if a := b.arrives(link); a.body != secret {
			t.Errorf("the second tab got %+v", a)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// XS1: the address is sent once, and not to a tab that is closed at the moment when the
// ticket arrives.
func TestXS1_OneAnswerCounts(t *testing.T) {
	h := newHandOver(newMemory(), func(context.Context, net.Addr, net.Addr) error { return nil }, english)
	if err := h.prepare(t.Context(), Known(secret)); err != nil {
		t.Fatal(err)
	}
	ask := func(ctx context.Context) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.listener.Addr().String()+h.claim, nil))
		return w
	}
	closed, closeTab := context.WithCancel(t.Context())
	closeTab()
	for range 30 { // a select could choose either way
		if w := ask(closed); w.Body.Len() > 0 || h.used {
			t.Fatalf("a closed tab got %d %q", w.Code, w.Body)
		}
	}
	for i, want := range []int{http.StatusOK, http.StatusGone, http.StatusGone} {
		if w := ask(t.Context()); w.Code != want || (w.Body.String() == secret) != (want == http.StatusOK) {
			t.Errorf("answer %d: %d %q", i, w.Code, w.Body)
		}
	}
}

// TestTicketThatTakesItsTime: the browser starts while the ticket is being created, and
// waits for it.
func TestTicketThatTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(context.Context) (string, error) { time.Sleep(30 * time.Second); return secret, nil }
		b, link, ended := bubbled(t, t.Context(), slow, nil, opens)
		began := time.Now()
		if a := b.arrives(link); a.body != secret || time.Since(began) != 30*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), a)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestTicketThatIsNone: an error of the ticket is returned. A ticket that is not the
// address of a page is an error, too, without the secret in it.
func TestTicketThatIsNone(t *testing.T) {
	broken := errors.New("the gateway is not running")
	for _, ticket := range []Ticket{
		func(context.Context) (string, error) { return "", broken },
		Known(""), Known("javascript:" + canary), Known("http:///" + canary), Known("file:///" + canary), Known("http://%zz" + canary),
	} {
		synctest.Test(t, func(t *testing.T) {
			_, _, ended := bubbled(t, t.Context(), ticket, nil, opens)
			if err := <-ended; err == nil || errors.Is(err, ErrNoBrowser) || strings.Contains(err.Error(), canary) {
				t.Error(err)
			}
		})
	}
}

func TestMain(m *testing.M) {
	play()
	goleak.VerifyTestMain(m)
}

// TestXS1_ManySlowAndHugeRequests: every user of the machine can make such requests, and
// they do not prevent the user's browser from getting the address.
func TestXS1_ManySlowAndHugeRequests(t *testing.T) {
	link, ended := opening(t, Known(secret))
	address := strings.Split(link, "/")[2]
	for _, request := range []string{"", "GET ", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nx", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10)} {
		for range 225 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetWriteDeadline(time.Now().Add(time.Minute))
			_, _ = io.WriteString(conn, request) // fails when the connection was refused already
		}
	}
	if a := newBrowser(t, nil).arrives(link); a.body != secret {
		t.Errorf("the user's browser got %+v", a)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
