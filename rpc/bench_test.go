package rpc

import "testing"

// chatEvent looks like the events of a running chat.
const chatEvent = `{"type":"event","event":"chat","payload":{"runId":"run-1","sessionKey":"agent:main:main","state":"delta",` +
	`"message":{"role":"assistant","content":[{"type":"text","text":"word number 7 of a long answer"}]}},"seq":7}`

func BenchmarkParseFrame(b *testing.B) {
	message := []byte(chatEvent)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		parseFrame(message)
	}
}
