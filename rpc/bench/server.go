package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"

	"clawtray/rpc/gatewaytest"
)

// methodFlood makes the server send flood.N events.
const methodFlood = "bench.flood"

type flood struct {
	N int `json:"n"`
}

// floodBatch is how many events the server writes at once.
const floodBatch = 64

// serve is the fake gateway in a process of its own; it ends with stdin.
func serve() error {
	gw := gatewaytest.New(gatewaytest.Config{Token: token, Keep: 1})
	gw.Handle("health", func(*gatewaytest.Request) (any, *gatewaytest.Error) { return health, nil })
	gw.Handle(methodFlood, sendFlood)
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

// sendFlood writes events that look like those of a running chat.
func sendFlood(r *gatewaytest.Request) (any, *gatewaytest.Error) {
	var p flood
	if err := json.Unmarshal(r.Params, &p); err != nil {
		return nil, &gatewaytest.Error{Code: "INVALID_REQUEST", Message: err.Error()}
	}
	seq := 0
	for seq < p.N {
		var batch bytes.Buffer
		for range min(floodBatch, p.N-seq) {
			seq++
			event := fmt.Appendf(nil, `{"type":"event","event":"chat","payload":{"runId":"run-1","sessionKey":"agent:main:main","state":"delta",`+
				`"message":{"role":"assistant","content":[{"type":"text","text":"word number %d of a long answer"}]}},"seq":%d}`, seq, seq)
			batch.Write(gatewaytest.TextFrame(event))
		}
		r.Conn.RawBytes(batch.Bytes())
	}
	return map[string]int{"sent": seq}, nil
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
