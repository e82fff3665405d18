package commands

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/supervisortest"
)

// TestC4_TheImpatientAreHeard: --now reaches the supervisor, and Now is not set without it.
func TestC4_TheImpatientAreHeard(t *testing.T) {
	for _, c := range []struct {
		args []string
		want supervisor.Request
	}{
		{[]string{"stop"}, supervisor.Request{Intent: supervisor.Stop}},
		{[]string{"stop", "--now"}, supervisor.Request{Intent: supervisor.Stop, Now: true}},
		{[]string{"restart"}, supervisor.Request{Intent: supervisor.Restart}},
		{[]string{"restart", "--now"}, supervisor.Request{Intent: supervisor.Restart, Now: true}},
		{[]string{"start"}, supervisor.Request{Intent: supervisor.Start}},
		{[]string{"reload"}, supervisor.Request{Intent: supervisor.Reload}},
	} {
		l := supervisortest.Listen()
		var got supervisor.Request
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
				t.Error(err)
			}
			fmt.Fprintln(w, `{"message":"Done."}`)
		})}
		go server.Serve(l)
		client := control.Dialing(l.Dial)
		a := newApp(Program{}, Flags{})
		a.client = func() *control.Client { return client }
		root := a.root()
		root.SetOut(io.Discard)
		root.SetArgs(c.args)
		if err := root.Execute(); err != nil || got.Intent != c.want.Intent || got.Now != c.want.Now {
			t.Errorf("%v asked for %+v, %v", c.args, got, err)
		}
		client.Close()
		server.Close()
	}
}
