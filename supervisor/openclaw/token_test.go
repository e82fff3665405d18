package openclaw

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestK2_GeneratedOnceAndKept(t *testing.T) {
	keep := filepath.Join(t.TempDir(), "new", "token")
	if none, err := KeptToken(keep); err != nil || none.Value != "" {
		t.Fatalf("before there is one: %#v, %v", none, err)
	}
	first, err := OwnToken(keep)
	if err != nil || len(first.Value) != 43 {
		t.Fatalf("%#v, %v", first, err)
	}
	for _, again := range []func(string) (Token, error){OwnToken, KeptToken} {
		if second, err := again(keep); err != nil || second != first {
			t.Errorf("%v: another token the second time", err)
		}
	}
	if info, err := os.Stat(keep); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	other, err := OwnToken(filepath.Join(t.TempDir(), "token"))
	if err != nil || other.Value == first.Value {
		t.Error("two machines, one token")
	}
	if entries, err := os.ReadDir(filepath.Dir(keep)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestK2_TwoAtOnceAgree(t *testing.T) {
	keep := filepath.Join(t.TempDir(), "token")
	got := make([]Token, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = OwnToken(keep); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, token := range got {
		if token != got[0] {
			t.Fatal("they do not agree")
		}
	}
}

func TestK2_KeptFileThatCannotBeTrusted(t *testing.T) {
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		says          string
	}{
		{"readable by the group", "secret\n", 0o640, "can be read by other users (mode 0640)"},
		{"readable by all", "secret\n", 0o604, "can be read by other users (mode 0604)"},
		{"empty", "\n", 0o600, "is damaged"},
		{"two lines", "a\nb\n", 0o600, "is damaged"},
		{"binary", "\x00\x01\xff", 0o600, "is damaged"},
		{"far too long", strings.Repeat("x", maxTokenFile+1), 0o600, "cannot be read"},
	} {
		if runtime.GOOS == "windows" && c.mode != 0o600 {
			continue // Windows has no mode bits
		}
		keep := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(keep, []byte(c.content), c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(keep, c.mode); err != nil { // independent of the umask
			t.Fatal(err)
		}
		got, err := OwnToken(keep)
		var why *TokenError
		if !errors.As(err, &why) || !strings.Contains(why.Sentence, c.says) || !strings.Contains(why.Remedy, "emove") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", c.name, err)
		}
		if raw, err := os.ReadFile(keep); got.Value != "" || err != nil || string(raw) != c.content {
			t.Errorf("%s: the file was changed, or its token used", c.name)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var why *TokenError
	if _, err := OwnToken(filepath.Join(file, "token")); !errors.As(err, &why) {
		t.Errorf("a folder that cannot be made: %v", err)
	}
}

func TestK3_TokenDoesNotPrint(t *testing.T) {
	token := Token{Value: "canary"}
	for _, verb := range []string{"%v", "%s", "%+v", "%#v", "%q", "%x"} {
		for _, v := range []any{token, &token, []Token{token}, struct{ T Token }{token}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", "canary")) {
				t.Errorf("%s prints %s", verb, text)
			}
		}
	}
	if raw, err := json.Marshal(token); err != nil || strings.Contains(string(raw), "canary") {
		t.Errorf("JSON is %s, %v", raw, err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", token, "command", Runtime{}.Gateway(Launch{Child: Child{Set: []string{TokenVar + "=canary"}}}))
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", token, "command", Runtime{}.Gateway(Launch{Child: Child{Set: []string{TokenVar + "=canary"}}}))
	if strings.Contains(log.String(), "canary") {
		t.Errorf("logged: %s", log.String())
	}
}
