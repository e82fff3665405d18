package control

import (
	"strings"
	"testing"

	"clawtray/supervisor/requests"
)

// R1: without a gateway there is nothing to answer, and what is no answer goes nowhere.
func TestR1_RequestsOverTheSocket(t *testing.T) {
	c, _ := serve(t)
	if all, err := c.Requests(t.Context()); err == nil || all != nil || !strings.Contains(err.Error(), "not running") {
		t.Error(all, err)
	}
	if result, err := c.Answer(t.Context(), "a", requests.Allow); err == nil || result != "" || !strings.Contains(err.Error(), "not running") {
		t.Error(result, err)
	}
	for _, no := range []requests.Decision{"", "always", "allow-always"} {
		if result, err := c.Answer(t.Context(), "a", no); err == nil || result != "" || !strings.Contains(err.Error(), "an answer is") {
			t.Error(result, err)
		}
	}
}
