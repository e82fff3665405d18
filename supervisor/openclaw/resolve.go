package openclaw

import (
	"cmp"
	"context"
	"path/filepath"
)

// Runtime is a Node and an OpenClaw that fit each other.
type Runtime struct {
	Node        string `json:"node"`        // absolute path of the executable
	NodeVersion string `json:"nodeVersion"` // "24.21.0"
	NodeSource  string `json:"nodeSource"`  // where Node was found: "PATH", "nvm", "managed" ...

	Entry   string `json:"entry"`   // absolute path of the package's openclaw.mjs
	Dir     string `json:"dir"`     // the package's folder
	Version string `json:"version"` // OpenClaw's version, "2026.9.6"
	Engines string `json:"engines"` // the package's engines.node
	Source  string `json:"source"`  // where OpenClaw was found

	// Path is a PATH for the Gateway and the tools it starts: Node's folder, the user's PATH, the
	// login shell's where it was asked, and the system's usual folders.
	Path string `json:"path"`
}

// Search is everything Resolve depends on, so that a test can build any machine.
type Search struct {
	Home    string   // the user's home folder
	DataDir string   // clawtray's data directory, where Install puts the managed runtime
	Env     []string // the user's environment

	NodePath  string // configured, may be empty: a Node executable
	EntryPath string // configured, may be empty: openclaw.mjs, its folder, or the openclaw command

	// ProjectDir is a folder whose node_modules may hold openclaw; empty means Home.
	ProjectDir string
	// CacheFile remembers the answer between runs; empty means always search (clawtray doctor).
	CacheFile string
	// Thorough asks every candidate even after the choice, for a complete Trace.
	Thorough bool

	// OS is the layout to search, runtime.GOOS when empty. Root is put before the system's
	// absolute folders ("/usr/bin"). Both are for tests.
	OS, Root string
}

// MissingKind says what is missing.
type MissingKind uint8

const (
	// NodeMissing: no Node at all was found.
	NodeMissing MissingKind = iota + 1
	// NodeTooOld: there are Nodes, but none that the OpenClaw found accepts.
	NodeTooOld
	// OpenClawMissing: no OpenClaw was found.
	OpenClawMissing
	// ConfiguredUnusable: the configuration names a Node or an OpenClaw that does not work.
	ConfiguredUnusable
)

func (k MissingKind) String() string {
	switch k {
	case NodeMissing:
		return "node-missing"
	case NodeTooOld:
		return "node-too-old"
	case OpenClawMissing:
		return "openclaw-missing"
	case ConfiguredUnusable:
		return "configured-unusable"
	}
	return "unknown"
}

// MissingError is the answer of Resolve when nothing can be started. No retry heals it before
// somebody installs or configures something.
type MissingError struct {
	Kind     MissingKind
	Sentence string // what is wrong
	Remedy   string // what to do
}

func (e *MissingError) Error() string { return e.Sentence + " " + e.Remedy }

const remedyInstall = "Run \"clawtray install\" to get a private copy, which leaves the rest of this machine alone."

// Resolve finds the OpenClaw to run and a Node it accepts. The Trace is complete up to the
// choice, also after an error, which is a *MissingError or the context's.
//
// Order of sources: configured, OPENCLAW_NODE (Node only), PATH, the login shell's PATH, version
// managers, package managers, project folder (OpenClaw only), managed. The first OpenClaw for
// which a Node fits wins, so an OpenClaw whose Node is too old does not hide a working pair.
func Resolve(ctx context.Context, s Search) (Runtime, Trace, error) {
	f := newFinder(ctx, s)
	if r, ok := f.cached(); ok {
		return r, f.trace, nil
	}
	r, err := f.resolve()
	if ctx.Err() != nil {
		return Runtime{}, f.trace, ctx.Err()
	}
	if err != nil {
		return Runtime{}, f.trace, err
	}
	r.Path = f.childPath(r.Node)
	f.keep(r)
	return r, f.trace, nil
}

// resolve is the search proper.
func (f *finder) resolve() (Runtime, error) {
	var first *install // the preferred OpenClaw, named in the message when nothing fits
	var chosen *Runtime
	for candidate := range f.installs() {
		if f.ctx.Err() != nil {
			return Runtime{}, f.ctx.Err()
		}
		if chosen != nil {
			f.note(Step{What: "openclaw", Source: candidate.source, Path: candidate.entry, Version: candidate.version,
				Verdict: Skipped, Why: "an earlier source was chosen"})
			continue
		}
		if candidate.err != nil {
			f.note(Step{What: "openclaw", Source: candidate.source, Path: candidate.entry, Verdict: Rejected, Why: candidate.err.Error()})
			if candidate.source == sourceConfigured {
				return Runtime{}, &MissingError{ConfiguredUnusable,
					"The configured OpenClaw " + candidate.entry + " cannot be used: " + candidate.err.Error() + ".",
					"Correct the setting, or remove it to have OpenClaw searched for."}
			}
			continue
		}
		if first == nil {
			first = &candidate
		}
		node, err := f.nodeFor(candidate)
		if err != nil {
			return Runtime{}, err
		}
		if node == nil {
			f.note(Step{What: "openclaw", Source: candidate.source, Path: candidate.entry, Version: candidate.version,
				Verdict: Rejected, Why: "no Node found that it accepts (" + candidate.engines + ")"})
			if candidate.source == sourceConfigured {
				break
			}
			continue
		}
		f.note(Step{What: "openclaw", Source: candidate.source, Path: candidate.entry, Version: candidate.version,
			Verdict: Chosen, Why: "first in order with a Node it accepts"})
		chosen = &Runtime{
			Node: node.path, NodeVersion: node.version, NodeSource: node.source,
			Entry: candidate.entry, Dir: filepath.Dir(candidate.entry), Version: candidate.version,
			Engines: candidate.engines, Source: candidate.source,
		}
		if !f.s.Thorough {
			break
		}
	}
	if chosen != nil {
		return *chosen, nil
	}
	return Runtime{}, f.missing(first)
}

// nodeFor returns the first Node in order that the package accepts, nil when there is none.
// A configured Node is the only one considered.
func (f *finder) nodeFor(in install) (*node, error) {
	var chosen *node
	for n := range f.nodes(in) {
		if f.ctx.Err() != nil {
			return nil, f.ctx.Err()
		}
		step := Step{What: "node", Source: n.source, Path: n.path, Version: n.version}
		switch {
		case n.err != nil:
			step.Verdict, step.Why = Rejected, n.err.Error()
		case !accepts(in.engines, n.version):
			step.Verdict, step.Why = Rejected, "OpenClaw "+in.version+" needs Node "+in.engines
		case chosen != nil:
			step.Verdict, step.Why = Skipped, "an earlier source was chosen"
		default:
			step.Verdict, step.Why = Chosen, "first in order within "+cmp.Or(in.engines, "any version")
			chosen = &n
		}
		f.note(step)
		if n.source == sourceConfigured && chosen == nil {
			return nil, &MissingError{ConfiguredUnusable, "The configured Node " + n.path + " cannot be used: " + step.Why + ".",
				"Correct the setting, or remove it to have Node searched for."}
		}
		if chosen != nil && !f.s.Thorough {
			break
		}
	}
	return chosen, nil
}

// noteNodes lists the Nodes of a machine without OpenClaw, for the Trace alone.
func (f *finder) noteNodes() {
	for n := range f.nodes(install{}) {
		step := Step{What: "node", Source: n.source, Path: n.path, Version: n.version, Verdict: Skipped, Why: "no OpenClaw to run with it"}
		if n.err != nil {
			step.Verdict, step.Why = Rejected, n.err.Error()
		}
		f.note(step)
	}
}

// missing builds the one sentence for the user out of what was seen.
func (f *finder) missing(first *install) error {
	if first == nil {
		if f.s.Thorough {
			f.noteNodes()
		}
		return &MissingError{OpenClawMissing, "OpenClaw is not installed, or not where clawtray looks.", remedyInstall}
	}
	needs := "OpenClaw " + first.version + " needs Node " + rangeWords(first.engines)
	found := f.foundNodes()
	if found == "" {
		return &MissingError{NodeMissing, needs + "; no Node was found.", remedyInstall}
	}
	return &MissingError{NodeTooOld, needs + "; found " + found + ".", remedyInstall}
}
