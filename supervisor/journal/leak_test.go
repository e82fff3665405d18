package journal

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a test leaves a goroutine behind, except those of the rotating log: it
// keeps one for each file until the program ends (lumberjack issue 56).
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun"),
		goleak.IgnoreAnyFunction("gopkg.in/natefinch/lumberjack.v2.(*Logger).millRun"))
}
