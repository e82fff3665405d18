package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// File is the result of [Read]: settings that are always usable, the source of each, and
// the mistakes in the file.
type File struct {
	Settings
	Path     string
	Missing  bool           // the file does not exist
	Lines    map[string]int // the line, from 1, that sets a key; keys with their default are missing
	Mistakes Mistakes
}

// Error is a mistake in the file, with its position.
type Error struct {
	Path   string
	Line   int    // from 1; 0 for a mistake of the whole file
	Key    string // for example "supervision.drain_stop"; empty for a mistake of the whole file
	Reason string
}

func (e *Error) Error() string {
	where := e.Path
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d", e.Path, e.Line)
	}
	if e.Key != "" {
		return fmt.Sprintf("%s (%s): %s", where, e.Key, e.Reason) // not "token: ...", because the redactor would remove the text after it as a secret
	}
	return where + ": " + e.Reason
}

// Sentence returns the mistake without the path.
func (e *Error) Sentence() string {
	rest, _ := strings.CutPrefix(e.Error(), e.Path)
	if rest, ok := strings.CutPrefix(rest, ":"); ok && e.Line > 0 {
		return "line " + rest
	}
	return strings.TrimLeft(rest, ": ")
}

// Mistakes are all mistakes of a file, first to last.
type Mistakes []*Error

func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, e := range m {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets [errors.As] find the first mistake.
func (m Mistakes) Unwrap() []error {
	all := make([]error, len(m))
	for i, e := range m {
		all[i] = e
	}
	return all
}

func (m Mistakes) err() error {
	if len(m) == 0 {
		return nil
	}
	return m
}

// Load is [Read] for callers that need only the values. The values are usable even when
// there is an error. The error is [Mistakes].
func Load(path string) (Settings, error) {
	f := Read(path)
	return f.Settings, f.Mistakes.err()
}

// Read reads the file. A missing file, or a file that is not TOML, gives the defaults. A
// wrong value gives the default of that key.
func Read(path string) File {
	f := File{Settings: Default(), Path: path, Lines: map[string]int{}}
	data, err := readOwn(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Missing = true
	case err != nil:
		f.wrong(0, "", plain(err))
	default:
		f.parse(data)
		f.lookAtMode()
		slices.SortStableFunc(f.Mistakes, func(a, b *Error) int { return a.Line - b.Line })
	}
	return f
}

// readOwn reads the settings file. The settings name programs that run as this user, so
// readOwn rejects a file that another user could have written: XDG_CONFIG_HOME may name a
// folder that all users share.
func readOwn(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe waits for its other end
		return nil, errors.New("it is not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if why := strange(info); why != "" {
		return nil, errors.New(why)
	}
	return io.ReadAll(f)
}

// plain returns a file error without its path, which the mistake contains already.
func plain(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return "it cannot be read: " + err.Error()
}

func (f *File) wrong(line int, key, reason string) {
	f.Mistakes = append(f.Mistakes, &Error{Path: f.Path, Line: line, Key: key, Reason: reason})
}

func (f *File) parse(data []byte) {
	values := map[string]any{}
	if err := toml.Unmarshal(data, &values); err != nil {
		line := 0
		if at, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, _ = at.Position()
		}
		f.wrong(line, "", "this is not TOML, so the file is not used: "+strings.TrimPrefix(err.Error(), "toml: "))
		return
	}
	skip := "" // an unknown table is one mistake, not one for each of its keys
	for _, e := range expressions(data) {
		if skip != "" && strings.HasPrefix(e.key+".", skip+".") {
			continue
		}
		if e.table && !known(e.key) {
			skip = e.key
		}
		f.take(e.key, e.line, at(values, e.key), e.table)
	}
}

// at returns the value at a key in nested tables.
func at(values map[string]any, key string) any {
	var v any = values
	for part := range strings.SplitSeq(key, ".") {
		table, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = table[part]
	}
	return v
}

// take uses one value, or records the mistake in it. header is true for the line "[table]",
// whose keys are on the next lines.
func (f *File) take(name string, line int, value any, header bool) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	table, isTable := value.(map[string]any)
	switch {
	case i < 0 && !known(name):
		f.wrong(line, name, fmt.Sprintf("there is no setting %q", name)+didYouMean(name, names()))
	case i < 0 && !isTable:
		f.wrong(line, name, "it is a table; write ["+name+"] and its settings below")
	case header && i >= 0:
		f.wrong(line, name, keys[i].needs)
	case i < 0 && !header:
		for _, part := range slices.Sorted(maps.Keys(table)) {
			f.take(name+"."+part, line, table[part], false)
		}
	case i >= 0:
		f.set(keys[i], line, value)
	}
}

func (f *File) set(k key, line int, value any) {
	next := f.Settings
	_, isText := value.(string)
	if k.duration && !isText || assign(&next, k.name, value) != nil { // the library would accept the number 20 as 20 ns
		f.wrong(line, k.name, k.needs)
		return
	}
	if check := checks[k.name]; check != nil {
		if why := check(next); why != "" {
			f.wrong(line, k.name, why)
			return
		}
	}
	f.Settings, f.Lines[k.name] = next, line
}

// assign sets one key with the library, so that take accepts the same values as the
// library.
func assign(s *Settings, name string, value any) error {
	parts := strings.Split(name, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		value = map[string]any{parts[i]: value}
	}
	text, err := toml.Marshal(value)
	if err != nil {
		return err
	}
	return toml.Unmarshal(text, s)
}

// lookAtMode records a mistake when other users can read a token in the file (BEHAVIOUR
// K2).
func (f *File) lookAtMode() {
	info, err := os.Stat(f.Path)
	if err == nil && f.Token != "" && OpenToOthers(info) {
		f.wrong(f.Lines["token"], "token", fmt.Sprintf("other users can read this file (mode %04o); run chmod 600 on it", info.Mode().Perm()))
	}
}

// Protect removes the access of other users to a file that contains a token, and then reads
// the file again. It reports whether it changed the mode.
func (f *File) Protect() (bool, error) {
	info, err := os.Stat(f.Path)
	if err != nil || f.Token == "" || !OpenToOthers(info) {
		return false, nil
	}
	if err := os.Chmod(f.Path, 0o600); err != nil {
		return false, err
	}
	*f = Read(f.Path)
	return true, nil
}

// key is one setting.
type key struct {
	name  string // "supervision.drain_stop"
	index []int  // index of the field, for reflect
	needs string // says what a value has to be

	duration bool
}

// keys are all settings, in the sequence of the file.
var keys = keysOf(reflect.TypeFor[Settings](), "", nil)

func keysOf(t reflect.Type, prefix string, index []int) []key {
	var all []key
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Tag.Get("toml") == "-" {
			continue
		}
		name := prefix + field.Tag.Get("toml")
		at := append(slices.Clone(index), i)
		switch {
		case field.Type == reflect.TypeFor[Duration]():
			all = append(all, key{name: name, index: at, needs: `it has to be a time such as "20s" or "10m"`, duration: true})
		case field.Type.Kind() == reflect.Struct:
			all = append(all, keysOf(field.Type, name+".", at)...)
		case field.Type.Kind() == reflect.Int:
			all = append(all, key{name: name, index: at, needs: "it has to be a whole number, without quotes"})
		case field.Type.Kind() == reflect.Bool:
			all = append(all, key{name: name, index: at, needs: "it has to be true or false, without quotes"})
		default:
			all = append(all, key{name: name, index: at, needs: "it has to be a text in quotes"})
		}
	}
	return all
}

func names() []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = k.name
	}
	return all
}

// known reports whether name is a setting or a table of settings.
func known(name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return strings.HasPrefix(k.name+".", name+".") })
}

// Row is the current value of one setting.
type Row struct {
	Key   string
	Value string // as TOML; a secret is not shown
	Line  int    // the line that sets it; 0 means the default
}

// Rows lists all settings, in the sequence of [DefaultText].
func (f File) Rows() []Row {
	rows := make([]Row, len(keys))
	for i, k := range keys {
		value := reflect.ValueOf(f.Settings).FieldByIndex(k.index).Interface()
		text, _ := toml.Marshal(map[string]any{"x": value}) // cannot fail, because the value was read from TOML
		rows[i] = Row{Key: k.name, Value: strings.TrimSpace(strings.TrimPrefix(string(text), "x = ")), Line: f.Lines[k.name]}
		if k.name == "token" && value != "" {
			rows[i].Value = "(set, not shown)"
		}
	}
	return rows
}

// didYouMean suggests the right word that is most similar to a wrong one, if one is similar
// enough.
func didYouMean(word string, right []string) string {
	nearest := Nearest(word, right)
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", nearest)
}

// Nearest returns the right word that was probably meant by word; empty when none is
// similar. A right word may have a table before its last dot.
func Nearest(word string, right []string) string {
	const near = 2 // number of changed letters, for example a swap, a typing mistake or a plural
	best, nearest := max(near, len(word)/4)+1, ""
	for _, r := range right {
		for _, form := range []string{r, r[strings.LastIndex(r, ".")+1:]} { // with and without its table
			if d := distance(strings.ToLower(word), form); d < best && d < len(form) {
				best, nearest = d, r
			}
		}
	}
	return nearest
}

// distance returns how many changes lead from a to b. A change inserts, deletes or replaces
// one letter, or swaps two neighbours.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
