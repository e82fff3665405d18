package openclaw

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// readLimit is how long one reading may take, even when the caller allows more. A local
	// disk needs milliseconds; a network folder whose server is gone never answers.
	readLimit = 5 * time.Second
	// configTTL is how long an answer is used again that may be outdated although no stamp
	// has changed. It helps because reloads come in bursts (BEHAVIOUR E1).
	configTTL = 15 * time.Second
	// settledAfter is the time after which another change of a file has another time stamp.
	// The coarsest file system, FAT, has steps of 2 s.
	settledAfter = 2 * time.Second
)

// Inputs are what an [Effective] depends on in addition to OpenClaw's files.
type Inputs struct {
	Env     []string // the user's environment, from which the Gateway's is made
	Home    string   // used when HOME is not set
	Profile string   // as in `openclaw --profile NAME`; empty means none
	WorkDir string   // the Gateway's working folder; empty means the home folder
	Given   Overrides
}

// Reader makes the [Effective] configuration. It keeps the last answer together with the
// stamps of all files that the answer depends on, including missing ones. So reading again
// is cheap while nothing changes. It is safe for concurrent use.
type Reader struct {
	once sync.Once
	turn chan struct{} // holds one value while a goroutine reads

	mu     sync.Mutex
	inputs Inputs
	count  int // number of calls of Use
	last   *answer

	container func(*variables) bool // replaced by tests
	limit     time.Duration         // of one reading; 0: readLimit
}

// NewReader returns a Reader for these inputs.
func NewReader(in Inputs) *Reader { return &Reader{inputs: in} }

// Use changes the inputs for later readings.
func (r *Reader) Use(in Inputs) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inputs, r.last = in, nil
	r.count++
}

// answer is the result of a reading and what it depends on.
type answer struct {
	effective Effective
	err       error
	stamps    map[string]fileStamp
	at        time.Time
	settled   bool // a further change will change a stamp

	tree map[string]any    // the configuration, for Ask
	env  map[string]string // variables that .env and the env block add to the environment
}

// Read returns the configuration. When it fails, the error is a *ConfigError and only Paths
// and File of the result are valid. A missing openclaw.json is no error: then File.Exists
// is false, and the other values are those of a Gateway without a file.
//
// Read returns when ctx ends, and after 5 s at the latest. A file system that does not
// answer blocks one other goroutine until then, not the caller.
func (r *Reader) Read(ctx context.Context) (Effective, error) {
	result, err := r.answer(ctx)
	if err != nil {
		return Effective{}, err
	}
	return result.effective, result.err
}

// answer reads the configuration, or fails when that takes too long.
func (r *Reader) answer(ctx context.Context) (*answer, error) {
	r.once.Do(func() { r.turn = make(chan struct{}, 1) })
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.limit, readLimit))
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		cancel()
		return nil, r.timeout(ctx)
	}
	done := make(chan *answer, 1)
	go func() {
		defer cancel()
		done <- r.look(ctx)
		<-r.turn
	}()
	select {
	case result := <-done:
		return result, nil
	case <-ctx.Done():
	}
	select { // both channels can be ready
	case result := <-done:
		return result, nil
	default:
		return nil, r.timeout(ctx)
	}
}

func (r *Reader) timeout(ctx context.Context) error {
	r.mu.Lock()
	in := r.inputs
	r.mu.Unlock()
	return &ConfigError{Kind: ConfigTimeout, Path: ProfilePaths(in.Env, in.Home, in.Profile).ConfigPath, Err: context.Cause(ctx)}
}

// look returns the last answer when it is still valid, else a new one.
func (r *Reader) look(ctx context.Context) *answer {
	r.mu.Lock()
	in, count, last := r.inputs, r.count, r.last
	r.mu.Unlock()
	if last != nil && last.holds() {
		return last
	}
	result := r.read(ctx, in)
	if IsConfigError(result.err, ConfigTimeout) {
		return result // the reading was aborted, so the answer says nothing about the files
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if count == r.count {
		result.inherit(r.last)
		r.last = result
	}
	return result
}

func (a *answer) holds() bool {
	if !a.settled && time.Since(a.at) >= configTTL {
		return false
	}
	for path, was := range a.stamps {
		if !stampOf(path).equal(was) {
			return false
		}
	}
	return true
}

// read reads all files.
func (r *Reader) read(ctx context.Context, in Inputs) *answer {
	result := &answer{at: time.Now(), stamps: map[string]fileStamp{}}
	o := &openFiles{ctx: ctx, stamps: result.stamps}
	v := &variables{process: in.Env, referred: map[string]bool{}}
	if in.Given.Token != "" {
		v.given = map[string]variable{TokenVar: {in.Given.Token, SourceSettings}}
	}
	paths := v.loadDotenv(o, func(v *variables) Paths { return v.paths(in.Home, in.Profile) })
	workDir := in.WorkDir
	if workDir == "" {
		workDir = v.home(in.Home)
	}
	v.loadUnread(o, workDir)
	o.newest = time.Time{} // a change of .env is not a change of the configuration file
	d := &document{paths: paths, vars: v, files: o}
	file, err := d.load()
	if err == nil {
		container := containerized
		if r.container != nil {
			container = r.container
		}
		result.effective = d.effective(file, in.Given, container(v))
		result.tree, result.env = d.tree, v.beyond()
	} else {
		if e, ok := errors.AsType[*ConfigError](err); ok && e.Changed.IsZero() {
			if e.Changed = o.newest; o.stamps[e.Path].changed.After(o.newest) {
				e.Changed = o.stamps[e.Path].changed
			}
		}
		result.effective, result.err = Effective{Paths: paths, File: file}, err
	}
	if ctx.Err() != nil { // the reading may be incomplete because it was aborted
		result.effective = Effective{Paths: paths}
		result.err = &ConfigError{Kind: ConfigTimeout, Path: paths.ConfigPath, Err: context.Cause(ctx)}
	}
	result.settled = err == nil && o.settled(result.at)
	return result
}

// settled reports whether none of the files changed shortly before at.
func (o *openFiles) settled(at time.Time) bool {
	for _, s := range o.stamps {
		if s.info != nil && !settled(s.changed, at, settledAfter) {
			return false
		}
	}
	return true
}
