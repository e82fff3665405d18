package commands

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"clawtray/supervisor"
	"clawtray/supervisor/control"
)

// hostile is a text that a gateway, a plugin or a registry may send.
const hostile = "before \x1b]0;title\x07 \x1bc \u009b31m \u202eevil\u2066 \x1bP+q\x1b\\ \x7f after"

// TestXS3_NothingDrivesTheTerminal: no command prints control sequences that a gateway has
// sent.
func TestXS3_NothingDrivesTheTerminal(t *testing.T) {
	u := newUser(t, "")
	i, err := control.Claim(filepath.Join(u.home, ".local/state/clawtray"))
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	report := supervisor.Report{Status: supervisor.Status{State: supervisor.Failed, Since: time.Now(), GatewayVersion: hostile,
		Cause: supervisor.Cause{Code: supervisor.Exited, Detail: hostile, LastLine: hostile}, LastLine: hostile, Error: hostile}}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			json.NewEncoder(w).Encode(map[string]any{"error": hostile, "message": hostile, "result": "rejected"})
			return
		}
		json.NewEncoder(w).Encode(report)
	})
	server := &http.Server{Handler: mux}
	go server.Serve(i)
	defer server.Close()
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"restart"}, {"stop"}, {"reload"}, {"open"}, {"status", hostile}} {
		out, _ := u.cli(args...)
		if at := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) }); at >= 0 {
			t.Errorf("clawtray %s: %q", args[0], out[max(0, at-20):min(len(out), at+40)])
		}
		if args[0] == "status" && len(args) == 2 && args[1] == "--json" {
			var back supervisor.Report
			if err := json.Unmarshal([]byte(out), &back); err != nil || back.GatewayVersion == "" {
				t.Errorf("the JSON is broken: %v, %s", err, fmt.Sprintf("%.200q", out))
			}
		}
	}
}
