package openclaw

import (
	"cmp"
	"context"
	"path/filepath"
)

// Runtime is a Node and an OpenClaw that work together.
type Runtime struct {
	Node        string `json:"node"`        // absolute path of the executable
	NodeVersion string `json:"nodeVersion"` // "24.21.0"
	NodeSource  string `json:"nodeSource"`  // where Node was found: "PATH", "nvm", "managed", …

	Entry   string `json:"entry"`   // absolute path of the package's openclaw.mjs
	Dir     string `json:"dir"`     // the package's folder
	Version string `json:"version"` // OpenClaw's version, "2026.9.6"
	Engines string `json:"engines"` // the package's engines.node
	Source  string `json:"source"`  // where OpenClaw was found

	// Path is a PATH for the Gateway and the tools that it starts: Node's folder, the
	// user's PATH, the login shell's PATH if it was asked, and the system's usual folders.
	Path string `json:"path"`
}

// Search is everything that Resolve depends on, so that a test can describe any machine.
type Search struct {
	Home    string   // the user's home folder
	DataDir string   // clawtray's data directory, where Install puts the managed runtime
	Env     []string // the user's environment

	NodePath  string // a Node executable from the settings; may be empty
	EntryPath string // openclaw.mjs, its folder, or the openclaw command, from the settings; may be empty

	// ProjectDir is a folder whose node_modules may contain openclaw; empty means Home.
	ProjectDir string
	// CacheFile keeps the answer between runs; empty means that every call searches.
	CacheFile string
	// Thorough asks every candidate even after the choice, so that the Trace is complete.
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
	// NodeTooOld: there are Nodes, but all are older than the found OpenClaw accepts.
	NodeTooOld
	// OpenClawMissing: no OpenClaw was found.
	OpenClawMissing
	// ConfiguredUnusable: the configuration names a Node or an OpenClaw that does not work.
	ConfiguredUnusable
	// NodeUnsupported: there are Nodes, but none that the found OpenClaw accepts, and not
	// all of them are too old.
	NodeUnsupported
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
	case NodeUnsupported:
		return "node-unsupported"
	}
	return "unknown"
}

// MissingError is the error of Resolve when nothing can be started. Retries do not help
// until somebody installs or configures something.
type MissingError struct {
	Kind     MissingKind
	Sentence string // what is wrong
	Remedy   string // what to do
}

func (e *MissingError) Error() string { return e.Sentence + " " + e.Remedy }

const remedyInstall = "Run \"clawtray install\" to get a private copy, which leaves the rest of this machine alone."

// Resolve finds the OpenClaw to run and a Node that it accepts. The Trace has everything up
// to the choice, also after an error. The error is a *MissingError or that of ctx.
//
// It searches the sources in this sequence: settings, OPENCLAW_NODE (Node only), PATH, the
// login shell's PATH, version managers, package managers, project folder (OpenClaw only),
// managed runtime. It returns the first OpenClaw for which there is a Node. So an OpenClaw
// without a suitable Node does not hide a working pair.
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

// resolve makes the search.
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

// nodeFor returns the first Node that the package accepts; nil when there is none. When the
// settings name a Node, no other one is considered.
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

// noteNodes adds the Nodes of a machine without OpenClaw to the Trace.
func (f *finder) noteNodes() {
	for n := range f.nodes(install{}) {
		step := Step{What: "node", Source: n.source, Path: n.path, Version: n.version, Verdict: Skipped, Why: "no OpenClaw to run with it"}
		if n.err != nil {
			step.Verdict, step.Why = Rejected, n.err.Error()
		}
		f.note(step)
	}
}

// missing returns the MissingError for what was found.
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
	if f.allTooOld(first.engines) {
		return &MissingError{NodeTooOld, needs + "; too old: " + found + ".", remedyInstall}
	}
	return &MissingError{NodeUnsupported, needs + "; not supported: " + found + ".", remedyInstall}
}
