package openclaw

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// OpenClaw's limits for $include (2026.9.6).
const (
	includeKey       = "$include"
	maxInclude       = 2 << 20 // bytes
	maxIncludeDepth  = 10
	maxIncludePath   = 4096
	maxIncludedFiles = 1000 // our own limit, because lists in ten levels would multiply
)

// includer replaces the $include members of a document. It works as OpenClaw 2026.9.6:
// paths are relative to the file that contains them, and must be in the folder of
// openclaw.json or in a folder of OPENCLAW_INCLUDE_ROOTS, also after links are followed.
// Lists are merged in sequence. Other members of an object override what its $include
// brings. Arrays are joined.
type includer struct {
	files *openFiles
	roots []string // folders, as written
	real  []string // the same folders after following links
	count int
}

func newIncluder(o *openFiles, config string, roots []string) *includer {
	in := &includer{files: o, roots: append([]string{filepath.Dir(config)}, roots...)}
	for _, root := range in.roots {
		real, err := filepath.EvalSymlinks(root)
		if err != nil {
			real = root
		}
		in.real = append(in.real, real)
	}
	return in
}

// expand returns v with everything included. chain has the files that led to v, the file of
// v last.
func (in *includer) expand(v any, chain []string) (any, error) {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, member := range v {
			var err error
			if list[i], err = in.expand(member, chain); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		rest, err := in.members(v, chain)
		if err != nil {
			return nil, err
		}
		what, ok := v[includeKey]
		if !ok {
			return rest, nil
		}
		return in.include(what, rest, chain)
	}
	return v, nil
}

// members expands all members except $include. It loses a member called __proto__, as
// OpenClaw does.
func (in *includer) members(v map[string]any, chain []string) (map[string]any, error) {
	rest := make(map[string]any, len(v))
	for _, key := range slices.Sorted(maps.Keys(v)) {
		if key == includeKey || key == "__proto__" {
			continue
		}
		var err error
		if rest[key], err = in.expand(v[key], chain); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// include loads the files that $include names, and merges rest over them.
func (in *includer) include(what any, rest map[string]any, chain []string) (any, error) {
	from := chain[len(chain)-1]
	var included any
	switch what := what.(type) {
	case string:
		var err error
		if included, err = in.load(what, chain); err != nil {
			return nil, err
		}
	case []any:
		included = map[string]any{}
		for _, item := range what {
			path, ok := item.(string)
			if !ok {
				return nil, includeError(from, "a list in $include must hold paths")
			}
			part, err := in.load(path, chain)
			if err != nil {
				return nil, err
			}
			included = merge(included, part)
		}
	default:
		return nil, includeError(from, "$include must be a path or a list of paths")
	}
	if len(rest) == 0 {
		return included, nil
	}
	if _, ok := included.(map[string]any); !ok {
		return nil, includeError(from, "$include stands beside other members, but what it names is not an object")
	}
	return merge(included, rest), nil
}

func includeError(path, format string, args ...any) *ConfigError {
	return &ConfigError{Kind: ConfigInclude, Path: path, Key: includeKey, Err: fmt.Errorf(format, args...)}
}

// load reads one included file and its own included files.
func (in *includer) load(path string, chain []string) (any, error) {
	from := chain[len(chain)-1]
	full, err := in.locate(path, from)
	if err != nil {
		return nil, err
	}
	if slices.Contains(chain, full) {
		return nil, includeError(from, "files include each other: %s", strings.Join(append(slices.Clone(chain), full), ", "))
	}
	if len(chain) > maxIncludeDepth {
		return nil, includeError(from, "more than %d files include each other", maxIncludeDepth)
	}
	if in.count++; in.count > maxIncludedFiles {
		return nil, includeError(from, "more than %d files are included", maxIncludedFiles)
	}
	raw, info, err := in.files.read(full, maxInclude)
	if isMissing(err) {
		return nil, &ConfigError{Kind: ConfigInclude, Path: from, Key: includeKey, Err: fmt.Errorf("%s: %w", full, fs.ErrNotExist)}
	}
	if err != nil {
		return nil, err
	}
	if linkedTwice(info) {
		return nil, includeError(from, "%s has a second name (a hard link), which OpenClaw refuses", full)
	}
	v, err := decodeConfig(full, raw)
	if err != nil {
		return nil, err
	}
	return in.expand(v, append(slices.Clone(chain), full))
}

// locate returns the file that an $include in from names, and checks that it may be
// included.
func (in *includer) locate(path, from string) (string, error) {
	if strings.Contains(path, "\x00") || len(path) >= maxIncludePath {
		return "", includeError(from, "a path in $include holds a zero byte or is too long")
	}
	full := filepath.Clean(path)
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(from), path)
	}
	if len(full) >= maxIncludePath {
		return "", includeError(from, "a path in $include is too long")
	}
	outside := includeError(from, "%s is outside the folder of the configuration and of OPENCLAW_INCLUDE_ROOTS", full)
	if !insideAny(in.roots, full) {
		return "", outside
	}
	in.files.note(full)
	real, err := filepath.EvalSymlinks(full)
	switch {
	case isMissing(err):
		return full, nil // the error comes when the file is read
	case err != nil:
		return "", unreadable(full, err)
	case !insideAny(in.real, real):
		return "", outside
	}
	return full, nil
}

// insideAny reports whether path is one of the folders, or below one.
func insideAny(folders []string, path string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		below, err := filepath.Rel(folder, path)
		return err == nil && below != ".." && !strings.HasPrefix(below, ".."+string(filepath.Separator))
	})
}

// merge returns base changed by over: objects are merged member by member, arrays are
// joined, and any other value of over replaces that of base.
func merge(base, over any) any {
	if a, ok := base.([]any); ok {
		if b, ok := over.([]any); ok {
			return slices.Concat(a, b)
		}
	}
	a, aOK := base.(map[string]any)
	b, bOK := over.(map[string]any)
	if !aOK || !bOK {
		return over
	}
	merged := map[string]any{}
	for _, members := range []map[string]any{a, b} {
		for key, value := range members {
			if mergeDrops[key] {
				continue
			}
			if was, ok := merged[key]; ok {
				value = merge(was, value)
			} else if object, ok := value.(map[string]any); ok {
				value = merge(map[string]any{}, object) // removes mergeDrops in its members, too
			}
			merged[key] = value
		}
	}
	return merged
}

// mergeDrops are the keys that OpenClaw leaves out in a merge, to protect JavaScript's
// objects.
var mergeDrops = map[string]bool{"__proto__": true, "prototype": true, "constructor": true}

// decodeConfig is decodeJSON5 with typed errors.
func decodeConfig(path string, raw []byte) (any, error) {
	if strings.TrimFunc(string(raw), isJSSpace) == "" {
		return nil, &ConfigError{Kind: ConfigEmpty, Path: path, Err: errors.New("the file is empty")}
	}
	v, err := decodeJSON5(raw)
	if err != nil {
		return nil, &ConfigError{Kind: ConfigBroken, Path: path, Err: err}
	}
	return v, nil
}
