package supervisor

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestAThousandIntentsInASecond: each of a thousand intents in a second is answered, none
// is carried out twice, and no memory or goroutine is left afterwards.
func TestAThousandIntentsInASecond(t *testing.T) {
	for name, b := range map[string]behaviour{
		"a healthy gateway": {listen: time.Second, restarts: true},
		"one that dies":     {listen: time.Second, dies: 3 * time.Second, exit: Exit{Code: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, behaving(b), nil, func(s *scene) {
				s.start()
				synctest.Wait()
				before := runtime.NumGoroutine()
				dice := rand.New(rand.NewPCG(1, 2))
				intents := []Intent{Start, Stop, Restart, Reload, Retry, TakeOver}
				var asking sync.WaitGroup
				var mu sync.Mutex
				answers := map[string]int{}
				began := time.Now()
				for range 1000 {
					r := Request{Intent: intents[dice.IntN(len(intents))], Now: dice.IntN(2) == 0, Automatic: dice.IntN(2) == 0}
					asking.Go(func() {
						a, err := s.Do(s.t.Context(), r)
						if a.Message == "" || err == nil && a.Result == "" {
							t.Errorf("%s was answered with nothing to show: %+v, %v", r.Intent, a, err)
						}
						mu.Lock()
						defer mu.Unlock()
						answers[fmt.Sprint(a.Result, " ", causeOf(err))]++
					})
					time.Sleep(time.Millisecond)
				}
				asking.Wait()
				if took := time.Since(began); took > 5*time.Minute {
					t.Errorf("the last answer came after %v", took)
				}
				if n := s.host.launches(); n > 100 {
					t.Errorf("%d gateways were started in a few seconds", n)
				}
				t.Log(answers)
				s.must(Request{Intent: Stop}, s.stopResult())
				s.start()
				synctest.Wait()
				if n := runtime.NumGoroutine(); n > before+20 {
					t.Errorf("%d goroutines, %d before", n, before)
				}
			})
		})
	}
}

// stopResult returns the result that a stop has now.
func (s *scene) stopResult() Result {
	if s.Status().State == Stopped {
		return ResultAlreadyStopped
	}
	return ResultStopped
}
