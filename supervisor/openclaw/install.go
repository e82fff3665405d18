package openclaw

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// The pinned versions of the managed runtime, the only ones this package knows.
const (
	DefaultNodeVersion     = "24.21.0"
	DefaultOpenClawVersion = "2026.9.6"
)

// InstallOptions says what to install, where, and with which settings.
type InstallOptions struct {
	DataDir string   // clawtray's data directory
	Home    string   // the user's home, for ~/.npmrc
	Env     []string // the user's environment: registry, proxies, certificates, PATH for npm's scripts

	NodeVersion     string // DefaultNodeVersion when empty
	OpenClawVersion string // DefaultOpenClawVersion when empty

	Progress func(Progress) // called from one goroutine, may be nil
	Log      io.Writer      // npm's output, may be nil
	HTTP     *http.Client   // replaces the client built from the user's settings, for tests
}

// Progress is how far an installation is.
type Progress struct {
	Step  string // a few words for people: "Downloading Node 24.21.0"
	Bytes int64  // done in this step
	Total int64  // 0 when unknown
}

// Install fetches the pinned Node and OpenClaw into DataDir and makes them the managed runtime.
func Install(ctx context.Context, o InstallOptions) (Runtime, error) {
	return Runtime{}, errors.New("not yet")
}
