package openclaw

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// snapshotHome creates a state folder with these files.
func snapshotHome(t *testing.T, files map[string]string) (dir string, read func() Effective) {
	t.Helper()
	home := t.TempDir()
	dir = filepath.Join(home, ".openclaw")
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir, func() Effective {
		e, err := NewReader(Inputs{Env: []string{"HOME=" + home}, Home: home}).Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestQ2_ASnapshotIsPutBack: all files are restored byte by byte, including included ones,
// and the replaced contents are kept in copies.
func TestQ2_ASnapshotIsPutBack(t *testing.T) {
	files := map[string]string{
		"openclaw.json":   "// mine\r\n{gateway: {mode: 'local', $include: './auth.json5'}, x: {$include: ['b.json']}}\n",
		"auth.json5":      "{auth: {token: 'canary-token', }}",
		"b.json":          `{"y": {"$include": "sub/c.json"}}`,
		"sub/c.json":      "{}",
		".env":            "A=b",
		"unrelated.json5": "{}",
	}
	dir, read := snapshotHome(t, files)
	s, err := TakeSnapshot(read(), time.Unix(1, 0))
	if err != nil || len(s.Files) != 4 || s.Files[0].Path != filepath.Join(dir, "openclaw.json") {
		t.Fatalf("%v, %v", s, err)
	}
	if text := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(text, "canary-token") || strings.Contains(text, fmt.Sprint([]byte("canary"))[1:20]) {
		t.Errorf("prints %s", text)
	}
	if d := s.Differs(); d != nil {
		t.Errorf("differs: %v", d)
	}
	write(t, filepath.Join(dir, "openclaw.json"), "{gateway: ")
	if err := os.RemoveAll(filepath.Join(dir, "sub")); err != nil {
		t.Fatal(err)
	}
	if d := s.Differs(); len(d) != 2 {
		t.Errorf("differs: %v", d)
	}
	if err := s.Put(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if got := content(t, filepath.Join(dir, name)); got != text {
			t.Errorf("%s: %q", name, got)
		}
	}
	kept := filepath.Join(dir, "openclaw.json.replaced-20261126-120000.000")
	if got := content(t, kept); got != "{gateway: " {
		t.Errorf("kept %q", got)
	}
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 && os.PathSeparator == '/' {
		t.Errorf("%v, %v", info, err)
	}
}

// TestQ2_OnlyWhatAGatewayReadIsRemembered: a file that was edited after it was read is not
// saved.
func TestQ2_OnlyWhatAGatewayReadIsRemembered(t *testing.T) {
	dir, read := snapshotHome(t, map[string]string{"openclaw.json": "{$include: 'a.json'}", "a.json": "{}"})
	e := read()
	write(t, filepath.Join(dir, "openclaw.json"), "{}")
	if _, err := TakeSnapshot(e, time.Now()); !errors.Is(err, ErrMoved) {
		t.Errorf("got %v", err)
	}
	write(t, filepath.Join(dir, "openclaw.json"), "{$include: 'a.json'}")
	e = read()
	late := e.File.Changed.Add(time.Second)
	if err := os.Chtimes(filepath.Join(dir, "a.json"), late, late); err != nil {
		t.Fatal(err)
	}
	if _, err := TakeSnapshot(e, time.Now()); !errors.Is(err, ErrMoved) {
		t.Errorf("an included file: got %v", err)
	}
	e.File.Exists = false
	if err := os.Remove(filepath.Join(dir, "openclaw.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := TakeSnapshot(e, time.Now()); err == nil {
		t.Error("a file that is not there was read")
	}
}

// TestQ1_FiveCopiesAreKept: the five newest copies stay, and no other files are removed.
func TestQ1_FiveCopiesAreKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "openclaw.json")
	others := []string{"openclaw.json.bak", "openclaw.json.replaced-by-me", "openclaw.json.replaced-20261126"}
	for _, name := range others {
		write(t, filepath.Join(dir, name), "x")
	}
	if err := KeepBeside(path, time.Now()); err != nil {
		t.Errorf("nothing to keep: %v", err)
	}
	for i := range 8 {
		write(t, path, fmt.Sprint(i))
		if err := KeepBeside(path, time.Unix(int64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	var kept []string
	for _, copied := range Copies(path + keptMark) {
		kept = append(kept, content(t, copied))
	}
	if !slices.Equal(kept, []string{"3", "4", "5", "6", "7"}) {
		t.Errorf("kept %v", kept)
	}
	for _, name := range others {
		content(t, filepath.Join(dir, name))
	}
}

// TestQ1_ChangedKeys: the result has paths and never values.
func TestQ1_ChangedKeys(t *testing.T) {
	gone, changed, ok := ChangedKeys(
		[]byte(`{meta: {a: 1}, gateway: {bogus: "secret-1", port: 1, auth: {token: "secret-2"}}, list: [1, 2], same: {x: [1]}, was: {deep: 1}}`),
		[]byte(`{"meta": {}, "gateway": {"port": 2, "auth": {"token": "secret-3"}}, "list": [1], "same": {"x": [1]}, "was": 1, "new": {"k": "secret-4"}}`))
	if !ok || !slices.Equal(gone, []string{"gateway.bogus"}) || !slices.Equal(changed, []string{"gateway.auth.token", "gateway.port", "list", "new", "was"}) {
		t.Errorf("gone %v, changed %v, %v", gone, changed, ok)
	}
	if _, _, ok := ChangedKeys([]byte("{"), []byte("{}")); ok {
		t.Error("a text that cannot be read was compared")
	}
}
