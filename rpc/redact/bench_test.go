package redact_test

import (
	"strings"
	"testing"

	"clawtray/rpc/redact"
)

const plainLine = "2026-11-26T00:45:34.069Z info [gateway] agent:main:main embedded run done: model=claude-x durationMs=1234 path=/home/user/.openclaw/agents/main/sessions/abc.jsonl status=ok queue=0"

// taught is a redactor that knows as many secrets as there are on a busy machine.
func taught() *redact.Redactor {
	r := redact.New(awkward)
	for i := range 30 {
		r.Add(strings.Repeat(random[i:]+random[:i], 2))
	}
	return r
}

// XR4: a line without secrets is cheap: at least 50 MB/s, and no allocation.
func BenchmarkRedactor_PlainLine(b *testing.B) {
	benchmarkString(b, plainLine)
}

// XR4: words that only look like the names of secrets cost little more.
func BenchmarkRedactor_KeywordLine(b *testing.B) {
	benchmarkString(b, "2026-11-26T00:45:34.069Z info [auth] token: ours comes from the environment; sessionKey=agent:main:main author=Jane tokens=123 https://127.0.0.1:18789/")
}

// XR4: lines with escapes, which have to be decoded, cost little more, too.
func BenchmarkRedactor_EscapedLine(b *testing.B) {
	benchmarkString(b, strings.Repeat(`{"role":"assistant","text":"say \"hello\" at C:\\Users\\x, 100%, 你好"},`, 10))
}

func benchmarkString(b *testing.B, line string) {
	r := taught()
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		r.String(line)
	}
}
