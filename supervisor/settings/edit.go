package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// expression is one "key = value" or "[table]" in a file.
type expression struct {
	key        string // the key, with its table
	line       int    // from 1
	table      bool
	start, end int // byte offsets of the value; 0 when the value is a list or a table
	after      int // offset after the line and its newline; 0 when unknown
}

// expressions lists the expressions of a file, first to last. It leaves out lines that are
// not TOML.
func expressions(data []byte) []expression {
	var all []expression
	prefix := ""
	for begin, line := 0, 0; begin < len(data); {
		var p unstable.Parser
		p.Reset(data[begin:])
		for p.NextExpression() {
			e, ok := expressionOf(&p, prefix)
			if !ok {
				continue
			}
			if e.table {
				prefix = e.key + "."
			}
			e.line += line
			for _, at := range []*int{&e.start, &e.end, &e.after} {
				if *at > 0 {
					*at += begin
				}
			}
			all = append(all, e)
		}
		bad, ok := errors.AsType[*unstable.ParserError](p.Error())
		if !ok {
			return all
		}
		// Continue below the wrong line.
		next := begin + lineEnd(data[begin:], int(p.Range(bad.Highlight).Offset))
		line += bytes.Count(data[begin:next], []byte("\n"))
		begin = next
	}
	return all
}

// lineEnd returns the offset after the line that contains offset, and after its newline.
func lineEnd(data []byte, offset int) int {
	if i := bytes.IndexByte(data[offset:], '\n'); i >= 0 {
		return offset + i + 1
	}
	return len(data)
}

func expressionOf(p *unstable.Parser, prefix string) (e expression, ok bool) {
	node := p.Expression()
	e.table = node.Kind == unstable.Table || node.Kind == unstable.ArrayTable
	if !e.table && node.Kind != unstable.KeyValue {
		return e, false
	}
	var parts []string
	end := 0
	for it := node.Key(); it.Next(); {
		part := it.Node()
		if len(parts) == 0 {
			e.line = p.Shape(part.Raw).Start.Line
		}
		parts = append(parts, string(part.Data))
		end = int(part.Raw.Offset + part.Raw.Length)
	}
	e.key = strings.Join(parts, ".")
	if !e.table {
		e.key = prefix + e.key
		v := node.Value()
		if v.Kind == unstable.Array || v.Kind == unstable.InlineTable { // the value may extend over several lines
			return e, true
		}
		e.start, e.end = int(v.Raw.Offset), int(v.Raw.Offset+v.Raw.Length)
		end = e.end
	}
	e.after = lineEnd(p.Data(), end)
	return e, true
}

// Set changes one setting in the file and keeps every other byte, including comments, other
// keys and mistakes. The file changes completely or not at all. Set creates a missing file
// and makes the mode 0600. key is a setting outside of tables; value has the type of its
// field.
func Set(path, key string, value any) error {
	// Some users have their settings file elsewhere, behind a link. Keep that link.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	data, err := readOwn(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next, err := with(data, key, value)
	if err != nil || bytes.Equal(next, data) {
		return err
	}
	return replace(path, next)
}

// with returns data with the new value of the setting.
func with(data []byte, key string, value any) ([]byte, error) {
	text, err := toml.Marshal(map[string]any{key: value})
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	newline := "\n"
	if bytes.Contains(data, []byte("\r\n")) {
		newline = "\r\n"
	}
	at := 0 // insert a new line below the last one outside of tables
	for _, e := range expressions(data) {
		if e.key == key && !e.table {
			if e.end == 0 {
				return nil, &Error{Line: e.line, Key: key, Reason: "its value is a list or a table; correct it in the file"}
			}
			_, value, _ := bytes.Cut(text, []byte(" = "))
			return splice(data, e.start, e.end, value), nil
		}
		if e.table {
			break
		}
		at = max(at, e.after)
	}
	line := append(text, newline...)
	if at > 0 && data[at-1] != '\n' {
		line = append([]byte(newline), text...)
	}
	return splice(data, at, at, line), nil
}

func splice(data []byte, start, end int, middle []byte) []byte {
	return bytes.Join([][]byte{data[:start], middle, data[end:]}, nil)
}

// replace writes a file with mode 0600, completely or not at all.
func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".clawtray-*.toml") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	return os.Rename(f.Name(), path)
}
