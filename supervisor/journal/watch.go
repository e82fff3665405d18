package journal

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch tells through one of its channels that a file, or what is in a folder, may have
// changed.
type Watch struct {
	Changes <-chan fsnotify.Event
	Errors  <-chan error // changes may have been missed
	Poll    <-chan time.Time
	Stop    func()
}

// NewWatch asks the system, through a watcher that ask makes, to tell of changes of path.
// Where ask is nil or that does not work, the watch tells at intervals: a user may have only
// a limited number of watches, and path may not be there yet. Stop must be called.
func NewWatch(path string, ask func() (*fsnotify.Watcher, error), interval time.Duration) Watch {
	if ask != nil {
		if w, err := ask(); err == nil {
			if w.Add(path) == nil {
				return Watch{Changes: w.Events, Errors: w.Errors, Stop: func() { w.Close() }}
			}
			w.Close()
		}
	}
	t := time.NewTicker(interval)
	return Watch{Poll: t.C, Stop: t.Stop}
}
