package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"clawtray/supervisor"
)

const (
	socketName = "control.sock"
	lockName   = "clawtray.lock"

	// maxSocketPath is what every system takes: sun_path is 104 bytes on macOS, 108
	// on Linux and Windows.
	maxSocketPath = 103

	// writeTimeout drops a client that does not read, or does not finish its request;
	// its connection is all that is lost.
	writeTimeout = 10 * time.Second
	lastAnswers  = time.Second // for answers under way when clawtray ends
	maxRequest   = 64 << 10    // bytes of a request's body
)

// ErrRunning says that another clawtray of this user and profile is running.
var ErrRunning = errors.New("clawtray is running already")

// Instance is the one clawtray of a user and profile (BEHAVIOUR L5). The kernel
// frees its lock however it ends.
type Instance struct {
	lock *flock.Flock
	net.Listener

	// Problem is why there is no socket, and so no Listener: an old Windows, or a
	// file system that has none. No command reaches such an instance.
	Problem error
}

// Claim makes this process the one instance in dir and opens its socket there.
// It fails with [ErrRunning] when there is one already.
func Claim(dir string) (*Instance, error) {
	path := filepath.Join(dir, socketName)
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path %s is too long for a socket; set XDG_RUNTIME_DIR to a shorter folder", path)
	}
	if err := private(dir); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	got, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !got {
		return nil, ErrRunning
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by one that was killed
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return &Instance{lock: lock, Problem: err}, nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close(), lock.Unlock())
	}
	return &Instance{lock: lock, Listener: l}, nil
}

// private makes a folder that is ours alone; one that somebody else prepared for us
// is refused.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder; remove it", dir)
	}
	return os.Chmod(dir, 0o700) // fails when it is not ours
}

// Close ends the instance.
func (i *Instance) Close() error {
	if i.Problem != nil {
		return i.lock.Unlock()
	}
	return errors.Join(i.Listener.Close(), i.lock.Unlock())
}

// Serve answers requests about s on l until ctx ends.
func Serve(ctx context.Context, l net.Listener, s *supervisor.Supervisor) error {
	if i, ok := l.(*Instance); ok && i.Problem != nil {
		<-ctx.Done()
		return nil
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
	mux.HandleFunc("POST /v1/do", func(w http.ResponseWriter, r *http.Request) { do(w, r, s) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: writeTimeout, BaseContext: func(net.Listener) context.Context { return ctx }}
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
	_ = json.NewEncoder(w).Encode(v) // the client has gone: nothing to do about it
}

// events streams every status, the newest first.
func events(w http.ResponseWriter, r *http.Request, s *supervisor.Supervisor) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	for status := range s.Watch(r.Context()) {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout))
		if json.NewEncoder(w).Encode(status) != nil || out.Flush() != nil {
			return
		}
	}
}

// dashboard is the answer to GET /v1/dashboard. It holds a secret, which may go
// over the socket because nobody but its user can open that (BEHAVIOUR K3).
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
	supervisor.Start: true, supervisor.Stop: true, supervisor.Restart: true, supervisor.Reload: true,
	supervisor.Retry: true, supervisor.TakeOver: true, supervisor.Install: true, supervisor.Quit: true,
}

func do(w http.ResponseWriter, r *http.Request, s *supervisor.Supervisor) {
	var request supervisor.Request
	body := http.MaxBytesReader(w, r.Body, maxRequest)
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(writeTimeout)) // for the body only: the answer may take minutes
	if err := json.NewDecoder(body).Decode(&request); err != nil {
		http.Error(w, "the body is not a request: "+err.Error(), http.StatusBadRequest)
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	if !intents[request.Intent] {
		http.Error(w, fmt.Sprintf("there is no intent %q", request.Intent), http.StatusBadRequest)
		return
	}
	answer, err := s.Do(r.Context(), supervisor.Request{Intent: request.Intent, Now: request.Now})
	out := reply{Answer: answer}
	if err != nil {
		out.Text = err.Error()
		if cause := new(supervisor.Cause); errors.As(err, cause) {
			out.Error = cause
		}
	}
	send(w, out)
}
