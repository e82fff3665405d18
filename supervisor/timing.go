package supervisor

import (
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Timing says how long each part of one start took (BEHAVIOUR A6). Each duration counts
// from the end of the one before; zero means that the start has not reached it.
type Timing struct {
	Resolve   time.Duration `json:"resolveNs"`   // finding the runtime
	Listen    time.Duration `json:"listenNs"`    // from the spawn of the process to its open port
	Challenge time.Duration `json:"challengeNs"` // to the gateway's first frame
	Ready     time.Duration `json:"readyNs"`     // to our sign-in (hello-ok)
	Total     time.Duration `json:"totalNs"`
	Steps     []TraceStep   `json:"steps,omitempty"` // the gateway's own startup trace
}

// stopwatch measures one start. It is safe for concurrent use, because the child's output
// is read on another goroutine.
type stopwatch struct {
	mu                                    sync.Mutex
	t                                     Timing
	began, spawnedAt, listenAt, challenge time.Time
	traced                                int // number of lines of the trace, also those that are not kept
}

// TraceStep is a line of the gateway's own startup trace.
type TraceStep struct {
	Name string        `json:"name"`
	Took time.Duration `json:"tookNs"`
}

// maxTraceSteps limits how many steps are kept.
const maxTraceSteps = 200

var traceLine = regexp.MustCompile(`startup trace: (\S+) ([0-9.]+)ms`)

func (w *stopwatch) mark(f func(now time.Time, t *Timing)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(time.Now(), &w.t)
}

func (w *stopwatch) begin() {
	w.mark(func(now time.Time, t *Timing) {
		*t = Timing{}
		w.began, w.spawnedAt, w.listenAt, w.challenge = now, time.Time{}, time.Time{}, time.Time{}
	})
}

func (w *stopwatch) resolved() {
	w.mark(func(now time.Time, t *Timing) { t.Resolve = now.Sub(w.began) })
}

func (w *stopwatch) spawned() {
	w.mark(func(now time.Time, _ *Timing) { w.spawnedAt = now })
}

func (w *stopwatch) listening() {
	w.mark(func(now time.Time, t *Timing) {
		if w.listenAt.IsZero() && !w.spawnedAt.IsZero() {
			w.listenAt = now
			t.Listen = now.Sub(w.spawnedAt)
		}
	})
}

func (w *stopwatch) challenged() {
	w.mark(func(now time.Time, t *Timing) {
		if w.challenge.IsZero() && !w.listenAt.IsZero() {
			w.challenge = now
			t.Challenge = now.Sub(w.listenAt)
		}
	})
}

func (w *stopwatch) ready() {
	w.mark(func(now time.Time, t *Timing) {
		if t.Total == 0 && !w.challenge.IsZero() {
			t.Ready = now.Sub(w.challenge)
			t.Total = now.Sub(w.began)
		}
	})
}

// trace records a line when it belongs to the gateway's startup trace.
func (w *stopwatch) trace(line string) {
	m := traceLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	ms, err := strconv.ParseFloat(m[2], 64)
	if err != nil {
		return
	}
	w.mark(func(_ time.Time, t *Timing) {
		w.traced++
		if len(t.Steps) < maxTraceSteps {
			t.Steps = append(t.Steps, TraceStep{m[1], time.Duration(ms * float64(time.Millisecond))})
		}
	})
}

// steps returns how many steps of its startup the gateway has printed.
func (w *stopwatch) steps() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.traced
}

func (w *stopwatch) timing() Timing {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.t
	t.Steps = slices.Clone(t.Steps)
	return t
}

// LogValue makes Timing a structured record.
func (t Timing) LogValue() slog.Value {
	return slog.GroupValue(slog.Duration("resolve", t.Resolve), slog.Duration("listen", t.Listen),
		slog.Duration("challenge", t.Challenge), slog.Duration("ready", t.Ready), slog.Duration("total", t.Total))
}
