package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"clawtray/rpc/gatewaytest"
)

// methodFlood makes the server send flood.N events.
const methodFlood = "bench.flood"

type flood struct {
	N int `json:"n"`
}

// floodBatch is how many events the server writes at once.
const floodBatch = 1000

// serve is the fake gateway in a process of its own; it ends with stdin.
func serve() error {
	gw := gatewaytest.New(gatewaytest.Config{Token: token, Quirks: gatewaytest.Quirks{Quiet: true}})
	gw.Keep(1)
	gw.HandleFast("health", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return health, nil })
	gw.Handle(methodFlood, sendFlood)
	floods()
	l, err := gw.ListenOn("127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("ws://" + l.Addr().String())
	_, _ = io.Copy(io.Discard, os.Stdin)
	gw.Close()
	return nil
}

// health is an answer of the size the real one has on an idle gateway.
var health = json.RawMessage(`{"ok":true,"ts":1795300069025,"durationMs":1,"channels":{},"channelOrder":[],"channelLabels":{},` +
	`"heartbeatSeconds":1800,"defaultAgentId":"main","agents":[{"agentId":"main","isDefault":true,"heartbeat":{"enabled":true,"every":"30m"}}],` +
	`"sessions":{"path":"/home/user/.openclaw/agents/main/sessions/sessions.json","count":0,"recent":[]}}`)

// maxFlood is how many events the server has ready.
const maxFlood = 200000

// floods are batches of events that look like those of a running chat, ready
// for the wire: the server shall not be what is measured.
var floods = sync.OnceValue(func() [][]byte {
	var batches [][]byte
	for seq := 0; seq < maxFlood; {
		var batch []byte
		for range floodBatch {
			seq++
			event := fmt.Appendf(nil, `{"type":"event","event":"chat","payload":{"runId":"run-1","sessionKey":"agent:main:main","state":"delta",`+
				`"message":{"role":"assistant","content":[{"type":"text","text":"word number %d of a long answer"}]}},"seq":%d}`, seq, seq)
			batch = append(batch, gatewaytest.TextFrame(event)...)
		}
		batches = append(batches, batch)
	}
	return batches
})

// sendFlood sends as many events as asked for, rounded up to whole batches.
func sendFlood(r *gatewaytest.Request) (any, *gatewaytest.Error) {
	var p flood
	if err := json.Unmarshal(r.Params, &p); err != nil || p.N > maxFlood {
		return nil, &gatewaytest.Error{Code: "INVALID_REQUEST", Message: "bad flood"}
	}
	batches := floods()[:(p.N+floodBatch-1)/floodBatch]
	for _, batch := range batches {
		r.Conn.RawBytes(batch)
	}
	return map[string]int{"sent": len(batches) * floodBatch}, nil
}

// startServer starts the server's process; the returned function ends it.
func startServer(ctx context.Context, self string) (stop func(), url string, err error) {
	cmd := exec.CommandContext(ctx, self, "-role=server")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	stop = func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	line := bufio.NewScanner(out)
	if !line.Scan() {
		stop()
		return nil, "", fmt.Errorf("the server did not start")
	}
	return stop, line.Text(), nil
}
