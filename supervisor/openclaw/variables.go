package openclaw

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// variables is the environment that a Gateway of this user reads its references from, in OpenClaw's
// order: the process, the .env files, the configuration's own env block, the login shell
// (docs/help/environment.md, 2026.9.6). What comes first wins.
type variables struct {
	process []string
	given   map[string]variable // what clawtray sets; has priority over the process
	files   map[string]variable
	block   map[string]variable
	login   func() map[string]variable // of the login shell, asked when needed; nil where OpenClaw asks none
	// unread are names in the .env of the working folder. OpenClaw takes some of them and refuses
	// others by a list that changes with every version, so that only OpenClaw knows the value.
	unread   map[string]string
	referred map[string]bool // the names that the configuration refers to
}

type variable struct {
	value  string
	source Source
}

// get returns a variable that has a value. No caller distinguishes a blank variable from a
// missing one.
func (v *variables) get(name string) (variable, bool) {
	all := v.all(name)
	if len(all) == 0 {
		return variable{}, false
	}
	return all[0], true
}

// all returns the values of a variable in all places, the one with priority first.
func (v *variables) all(name string) []variable {
	var found []variable
	add := func(candidate variable) {
		if trimJS(candidate.value) != "" {
			found = append(found, candidate)
		}
	}
	add(v.given[name])
	value, ok := lookup(v.process, name)
	add(variable{value, environmentSource(name)})
	// A .env file never changes a variable that is set, even to an empty text; the env
	// block does.
	if !ok || trimJS(value) != "" {
		add(v.files[name])
	}
	add(v.block[name])
	if len(found) == 0 && !ok && v.login != nil && slices.Contains(loginVariables, name) {
		add(v.login()[name])
	}
	return found
}

// beyond returns the variables that OpenClaw adds to those of the process.
func (v *variables) beyond() map[string]string {
	env := map[string]string{}
	for _, place := range []map[string]variable{v.files, v.block} {
		for name := range place {
			if found, ok := v.get(name); ok {
				env[name] = found.value
			}
		}
	}
	return env
}

// refer is get for a name to which the configuration refers. It records the name.
func (v *variables) refer(name string) (variable, bool) {
	if v.referred != nil {
		v.referred[name] = true
	}
	return v.get(name)
}

// text returns the value of a variable without white space around it.
func (v *variables) text(name string) string {
	found, _ := v.get(name)
	return trimJS(found.value)
}

// selectors are the variables that say which files OpenClaw uses. A .env file can set them,
// too.
var selectors = []string{"OPENCLAW_HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_INCLUDE_ROOTS"}

// loadDotenv reads the .env files of the current paths. They can move the state folder,
// which has other .env files, so it repeats until the paths stay the same. It returns those
// paths.
func (v *variables) loadDotenv(o *openFiles, where func(v *variables) Paths) Paths {
	var moved map[string]variable
	p := where(v)
	for range len(selectors) {
		v.files = map[string]variable{}
		for name, value := range moved {
			v.files[name] = value
		}
		for _, path := range p.dotenv(v) {
			for name, value := range readDotenv(o, path) {
				// `openclaw --profile` sets these two variables before it reads any .env
				// file.
				fixed := p.Profile != "" && (name == "OPENCLAW_STATE_DIR" || name == "OPENCLAW_CONFIG_PATH")
				if _, ok := v.files[name]; !ok && !fixed {
					v.files[name] = variable{value, Source(path + ": " + name)}
				}
			}
		}
		next := where(v)
		if next == p {
			break
		}
		moved = map[string]variable{}
		for _, name := range selectors {
			if value, ok := v.files[name]; ok {
				moved[name] = value
			}
		}
		p = next
	}
	return p
}

// readDotenv returns nil for a file that cannot be read; OpenClaw ignores such a file, too.
func readDotenv(o *openFiles, path string) map[string]string {
	raw, _, err := o.read(path, maxDotenv)
	if err != nil {
		return nil
	}
	return parseDotenv(raw)
}

// loadBlock reads the env block of the configuration: env.vars, and texts directly below
// env.
func (v *variables) loadBlock(doc map[string]any, config string) {
	v.block = map[string]variable{}
	env, _ := doc["env"].(map[string]any)
	vars, _ := env["vars"].(map[string]any)
	take := func(below string, members map[string]any) {
		for key, value := range members {
			name := trimJS(key)
			text, ok := value.(string)
			if !ok || below == "env" && (key == "vars" || key == "shellEnv") || !portableName.MatchString(name) ||
				trimJS(text) == "" || blockRefuses[strings.ToUpper(name)] || refersToVariable(text) {
				continue
			}
			v.block[name] = variable{text, Source(filepath.Base(config) + ": " + below + "." + name)}
		}
	}
	take("env.vars", vars)
	take("env", env)
}

// blockRefuses are the variables used in this package that the env block cannot set.
// OpenClaw refuses many more, of shells and compilers, but no setting of a Gateway refers
// to those.
var blockRefuses = map[string]bool{"OPENCLAW_INCLUDE_ROOTS": true, "OPENCLAW_CONFIG_READONLY": true, "HOME": true}

// loadUnread records the names in the .env of the working folder.
func (v *variables) loadUnread(o *openFiles, folder string) {
	path := filepath.Join(folder, ".env")
	v.unread = map[string]string{}
	for name := range readDotenv(o, path) {
		if !strings.HasPrefix(strings.ToUpper(name), "OPENCLAW_") { // OpenClaw always ignores its own variables there
			v.unread[name] = path
		}
	}
}

var reference = regexp.MustCompile(`\$?\$\{([A-Z_][A-Z0-9_]*)\}`)

// refersToVariable reports whether a text contains ${NAME}. $${NAME} does not count,
// because it means the text ${NAME}.
func refersToVariable(text string) bool {
	for _, m := range reference.FindAllString(text, -1) {
		if !strings.HasPrefix(m, "$$") {
			return true
		}
	}
	return false
}

// substitute replaces every ${NAME} by the variable's value and $${NAME} by the text
// ${NAME}. It returns the names that are missing or empty; their ${NAME} stays, as in
// OpenClaw.
func (v *variables) substitute(text string) (result string, missing []string) {
	result = reference.ReplaceAllStringFunc(text, func(m string) string {
		if strings.HasPrefix(m, "$$") {
			return m[1:]
		}
		name := m[2 : len(m)-1]
		found, ok := v.refer(name)
		if !ok {
			missing = append(missing, name)
			return m
		}
		return found.value
	})
	return result, missing
}

// isMissing reports whether err means that a file does not exist.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
