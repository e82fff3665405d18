package openclaw

import (
	"errors"
	"testing"
)

func makePipe(string) error { return errors.ErrUnsupported }

func foreignFile(*testing.T, string) string { return "" }
