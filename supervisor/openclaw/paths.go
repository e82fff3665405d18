package openclaw

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Paths are the places of the files of one Gateway.
type Paths struct {
	StateDir   string
	ConfigPath string
	Profile    string // as in `openclaw --profile NAME`; empty for the default profile

	StateSource  Source
	ConfigSource Source

	home string // the folder that ~ means in OpenClaw's settings
}

// ProfileError says why a profile's name cannot be used.
type ProfileError struct {
	Name   string
	Reason string
}

func (e *ProfileError) Error() string { return fmt.Sprintf("the profile name %q %s", e.Name, e.Reason) }

var (
	profileLetters = regexp.MustCompile(`^[a-z0-9._-]+$`)
	// openclawProfile matches the names of profiles that OpenClaw accepts (measured,
	// 2026.9.6), without capital letters: OpenClaw accepts those, too, but some file
	// systems ignore case.
	openclawProfile = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)
)

// CheckProfile returns a *ProfileError when a name cannot be a profile of clawtray or
// OpenClaw. An empty name is the default profile.
func CheckProfile(name string) error {
	switch {
	case name == "" || openclawProfile.MatchString(name):
		return nil
	case name == "." || name == ".." || !profileLetters.MatchString(name):
		return &ProfileError{name, "may have only the letters a to z, digits, - and _"}
	case strings.Contains(name, "."):
		return &ProfileError{name, "has a dot, which OpenClaw does not take"}
	default:
		return &ProfileError{name, "must begin with a letter or a digit and have at most 64 characters"}
	}
}

// isDefaultProfile reports whether a name means no profile, as in OpenClaw.
func isDefaultProfile(name string) bool { return name == "" || strings.EqualFold(name, "default") }

// PathsFrom returns the paths of a Gateway that is started with env. home is used when HOME
// is not set. The state folder is OPENCLAW_STATE_DIR, else OPENCLAW_HOME/.openclaw, else
// ~/.openclaw; OPENCLAW_CONFIG_PATH moves only the file (measured, OpenClaw 2026.3.13 to
// 2026.9.6).
func PathsFrom(env []string, home string) Paths { return ProfilePaths(env, home, "") }

// ProfilePaths is PathsFrom for `openclaw --profile`. The state folder is ~/.openclaw-NAME
// unless OPENCLAW_STATE_DIR is set, and OPENCLAW_CONFIG_PATH still moves the file. A
// Gateway of another profile sets these variables for its children; values that name the
// folder of another profile are ignored (measured, 2026.9.6). OPENCLAW_PROFILE alone
// changes no path.
func ProfilePaths(env []string, home, profile string) Paths {
	v := variables{process: env}
	return v.paths(home, profile)
}

func (v *variables) paths(systemHome, profile string) Paths {
	p := Paths{home: v.home(systemHome)}
	state, config := v.text("OPENCLAW_STATE_DIR"), v.text("OPENCLAW_CONFIG_PATH")
	if !isDefaultProfile(profile) {
		p.Profile = profile
		state, config = v.leaveProfile(p, state, config)
	}
	switch {
	case state != "":
		p.StateDir, p.StateSource = p.expand(state), v.source("OPENCLAW_STATE_DIR")
	case p.Profile != "":
		p.StateDir, p.StateSource = filepath.Join(p.home, ".openclaw-"+p.Profile), Source("the profile "+p.Profile)
	default:
		p.StateDir, p.StateSource = filepath.Join(p.home, ".openclaw"), v.source("OPENCLAW_HOME")
	}
	p.ConfigPath, p.ConfigSource = filepath.Join(p.StateDir, "openclaw.json"), p.StateSource
	if config != "" {
		p.ConfigPath, p.ConfigSource = p.expand(config), v.source("OPENCLAW_CONFIG_PATH")
	}
	return p
}

// source returns the source of a variable, or the default source when the variable is not
// set.
func (v *variables) source(name string) Source {
	if found, ok := v.get(name); ok {
		return found.source
	}
	return SourceDefault
}

// leaveProfile removes the folder and the file of another profile, when the environment
// comes from that profile.
func (v *variables) leaveProfile(p Paths, state, config string) (string, string) {
	inherited := filepath.Join(p.home, ".openclaw")
	if name := v.text("OPENCLAW_PROFILE"); !isDefaultProfile(name) {
		inherited += "-" + name
	}
	if inherited == filepath.Join(p.home, ".openclaw-"+p.Profile) {
		return state, config
	}
	left := state == "" || p.expand(state) == inherited
	if left {
		state = ""
		if config != "" && p.expand(config) == filepath.Join(inherited, "openclaw.json") {
			config = ""
		}
	}
	return state, config
}

// home returns the folder that OpenClaw uses as the user's home: OPENCLAW_HOME, HOME,
// USERPROFILE, else system.
func (v *variables) home(system string) string {
	for _, name := range []string{"USERPROFILE", "HOME"} {
		if dir := v.folder(name); dir != "" {
			system = dir
		}
	}
	if dir := v.folder("OPENCLAW_HOME"); dir != "" {
		system = expandHome(dir, system)
	}
	return absolute(system)
}

// folder is text, but returns "" for "undefined" and "null", which scripts write when they
// have no value.
func (v *variables) folder(name string) string {
	if dir := v.text(name); dir != "undefined" && dir != "null" {
		return dir
	}
	return ""
}

// expand returns a path of OpenClaw's settings as an absolute path.
func (p Paths) expand(path string) string { return absolute(expandHome(path, p.home)) }

// absolute returns path as an absolute path; an empty path stays empty.
func absolute(path string) string {
	if path == "" {
		return ""
	}
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// dotenv lists the .env files that OpenClaw reads for p. Values in an earlier file have
// priority.
func (p Paths) dotenv(v *variables) []string {
	files := []string{filepath.Join(p.StateDir, ".env")}
	// A configuration file outside the state folder has its own .env, unless the state
	// folder was set, too.
	if v.text("OPENCLAW_STATE_DIR") == "" && p.Profile == "" && v.text("OPENCLAW_CONFIG_PATH") != "" {
		if beside := filepath.Join(filepath.Dir(p.ConfigPath), ".env"); beside != files[0] {
			files = append(files, beside)
		}
	}
	// A file of older installations. OpenClaw uses it only for the default state folder.
	if p.StateDir == filepath.Join(p.home, ".openclaw") {
		files = append(files, filepath.Join(p.home, ".config", "openclaw", "gateway.env"))
	}
	return files
}

// includeRoots returns the folders of OPENCLAW_INCLUDE_ROOTS.
func (p Paths) includeRoots(v *variables) []string {
	var roots []string
	for _, root := range filepath.SplitList(v.text("OPENCLAW_INCLUDE_ROOTS")) {
		if root = trimJS(root); root != "" {
			roots = append(roots, p.expand(root))
		}
	}
	return roots
}

// expandHome replaces a leading "~" by home.
func expandHome(path, home string) string {
	if path == "~" {
		return home
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(home, rest)
	}
	if rest, ok := strings.CutPrefix(path, `~\`); ok {
		return filepath.Join(home, rest)
	}
	return path
}

// containerized reports whether OpenClaw believes that it runs in a container. There it
// listens on all addresses unless it is configured (2026.9.6).
func containerized(v *variables) bool {
	if v.text("FLY_MACHINE_ID") != "" && v.text("FLY_APP_NAME") != "" {
		return true
	}
	for _, path := range []string{"/.dockerenv", "/run/.containerenv", "/var/run/.containerenv"} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	group, _, err := readLimited("/proc/1/cgroup", maxControlGroup)
	return err == nil && containerGroup.Match(group)
}

var containerGroup = regexp.MustCompile(`/docker/|cri-containerd-[0-9a-f]|containerd/[0-9a-f]{64}|/kubepods[/.]|\blxc\b`)

// maxControlGroup limits how much of /proc/1/cgroup is read; the file has one line per
// controller.
const maxControlGroup = 64 << 10
