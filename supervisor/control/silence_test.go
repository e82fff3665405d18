package control

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestXP4_WhoDoesNotReadHearsNoSilence: a client that does not read is not told of silence.
// `clawtray quit` reads the status only after its request, which may take half a minute.
func TestXP4_WhoDoesNotReadHearsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited, cancel := context.WithCancelCause(t.Context())
		a := &answer{client: &Client{}, caller: t.Context(), limited: limited, cancel: cancel, body: io.NopCloser(strings.NewReader("first\nsecond\n"))}
		a.watchdog = time.AfterFunc(time.Hour, func() { cancel(errSilent) })
		defer a.Close()
		for range 2 {
			if _, err := a.Read(make([]byte, 6)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Minute)
			if limited.Err() != nil {
				t.Fatal("silence, and nobody had listened")
			}
		}
	})
}
