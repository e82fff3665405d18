package rpc_test

import (
	"encoding/json"
	"slices"
	"testing"

	"clawtray/rpc/gatewaytest"
)

// R1: a client declares what it can do, and nothing when it says nothing.
func TestR1_CapsAreDeclared(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gw := gatewaytest.New(gatewaytest.Config{Token: secret})
		defer gw.Close()
		for _, caps := range [][]string{nil, {"approvals", "x"}} {
			o := memory(gw)
			o.Client.Caps = caps
			dial(t, o).Close()
			all := gw.Received()
			var sent struct {
				Caps []string `json:"caps"`
			}
			if err := json.Unmarshal(all[len(all)-1].Params, &sent); err != nil || sent.Caps == nil || !slices.Equal(sent.Caps, caps) {
				t.Errorf("declared %v, sent %v, %v", caps, sent.Caps, err)
			}
		}
	})
}
