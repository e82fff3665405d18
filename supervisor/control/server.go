package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"clawtray/supervisor"
)

const (
	// writeTimeout is how long a client may take to send its request, or to read a part of
	// the answer. After that its connection is closed.
	writeTimeout = 10 * time.Second
	lastAnswers  = time.Second // for the answers that are not finished when clawtray ends
	maxRequest   = 64 << 10    // bytes of a request's body

	// lifeSign is how often a client that waits gets an empty line. It is sent after the
	// supervisor's owner has answered a question, so that a client can tell long work from
	// a clawtray that hangs.
	lifeSign = 2 * time.Second
)

// Serve answers requests about s on l until ctx ends. Requests that are not finished then
// have one more second.
func Serve(ctx context.Context, l net.Listener, s *supervisor.Supervisor) error {
	if i, ok := l.(*Instance); ok {
		l = socketOnly{i}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		report, err := s.Report(r.Context())
		if err != nil {
			return
		}
		send(w, report)
	})
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) { events(w, r, s) })
	mux.HandleFunc("GET /v1/dashboard", func(w http.ResponseWriter, _ *http.Request) {
		url, err := s.Dashboard()
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		send(w, dashboard{url})
	})
	mux.HandleFunc("GET /v1/requests", func(w http.ResponseWriter, r *http.Request) { waiting(w, r, s) })
	mux.HandleFunc("POST /v1/requests", func(w http.ResponseWriter, r *http.Request) { decide(w, r, s) })
	mux.HandleFunc("POST /v1/do", func(w http.ResponseWriter, r *http.Request) { do(w, r, s) })
	// A request does not end with ctx, because the answer to "quit" is sent after everything
	// else has ended.
	server := &http.Server{Handler: mux, ReadHeaderTimeout: writeTimeout}
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		last, cancel := context.WithTimeout(context.Background(), lastAnswers)
		defer cancel()
		if server.Shutdown(last) != nil {
			server.Close()
		}
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	<-over
	return nil
}

func send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	_ = json.NewEncoder(w).Encode(v) // fails when the client has gone
}

// events sends the current status, and then every later one.
func events(w http.ResponseWriter, r *http.Request, s *supervisor.Supervisor) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	statuses := make(chan supervisor.Status)
	go func() {
		defer close(statuses)
		for status := range s.Watch(r.Context()) {
			select {
			case statuses <- status:
			case <-r.Context().Done():
				return
			}
		}
	}()
	tick := time.NewTicker(lifeSign)
	defer tick.Stop()
	for {
		select {
		case status, more := <-statuses:
			if !more || line(w, status) != nil {
				return
			}
		case <-tick.C:
			if live(w, r, s) != nil {
				return
			}
		}
	}
}

// line sends one value as a line of JSON.
func line(w http.ResponseWriter, v any) error {
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
	return errors.Join(json.NewEncoder(w).Encode(v), out.Flush())
}

// live sends an empty line, after the supervisor's owner has answered a question.
func live(w http.ResponseWriter, r *http.Request, s *supervisor.Supervisor) error {
	if _, err := s.Report(r.Context()); err != nil {
		return err
	}
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := io.WriteString(w, "\n")
	return errors.Join(err, out.Flush())
}

// dashboard is the answer to GET /v1/dashboard. It contains a secret. The secret may be
// sent here, because only its own user can open the socket.
type dashboard struct {
	URL string `json:"url"`
}

// reply is the answer to POST /v1/do.
type reply struct {
	supervisor.Answer
	Error *supervisor.Cause `json:"error,omitempty"`
	Text  string            `json:"text,omitempty"` // the error for a person
}

var intents = map[supervisor.Intent]bool{
	supervisor.LastGood: true, supervisor.SafeStart: true, supervisor.RestoreConfig: true,
	supervisor.Start: true, supervisor.Stop: true, supervisor.Restart: true, supervisor.Reload: true,
	supervisor.Retry: true, supervisor.TakeOver: true, supervisor.Install: true, supervisor.Quit: true,
}

func do(w http.ResponseWriter, r *http.Request, s *supervisor.Supervisor) {
	var request supervisor.Request
	body := http.MaxBytesReader(w, r.Body, maxRequest)
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(writeTimeout)) // for the body only, because the answer may take minutes
	if err := json.NewDecoder(body).Decode(&request); err != nil {
		http.Error(w, "the body is not a request: "+err.Error(), http.StatusBadRequest)
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	if !intents[request.Intent] {
		http.Error(w, fmt.Sprintf("there is no intent %q", request.Intent), http.StatusBadRequest)
		return
	}
	sendAfter(w, r, s, func() any {
		answer, err := s.Do(r.Context(), supervisor.Request{Intent: request.Intent, Now: request.Now})
		return replyTo(answer, err)
	})
}

// sendAfter sends what work returns, and signs of life until then.
func sendAfter(w http.ResponseWriter, r *http.Request, s *supervisor.Supervisor, work func() any) {
	done := make(chan any, 1)
	go func() { done <- work() }()
	if live(w, r, s) != nil { // at once: on a busy machine the first tick may come too late for the client
		return
	}
	tick := time.NewTicker(lifeSign)
	defer tick.Stop()
	for {
		select {
		case out := <-done:
			send(w, out)
			return
		case <-tick.C:
			if live(w, r, s) != nil {
				return
			}
		}
	}
}

func replyTo(answer supervisor.Answer, err error) reply {
	out := reply{Answer: answer}
	if err != nil {
		out.Text = err.Error()
		if cause := new(supervisor.Cause); errors.As(err, cause) {
			out.Error = cause
		}
	}
	return out
}
