package supervisor

import (
	"encoding/json"
	"strings"
	"testing"
)

// A command line holds what people put into their settings, so a report shows it
// without what is known to be secret.
func TestK3_TheCommandIsShownRedacted(t *testing.T) {
	play(t, healthy, nil, func(s *scene) {
		s.start()
		r, err := s.Report(s.t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if text, err := json.Marshal(r); err != nil || strings.Contains(string(text), testToken) {
			t.Errorf("the report holds a secret: %s, %v", text, err)
		}
		if c := r.Diagnostics.Command; !strings.HasSuffix(c, "node openclaw.mjs gateway") {
			t.Errorf("the command is shown as %s", c)
		}
	})
}
