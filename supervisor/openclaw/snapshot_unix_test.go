//go:build unix

package openclaw

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestQ1_AFileIsReplacedAsItsUserExpects: a link stays a link, the mode stays, and files
// that we may not write are unchanged.
func TestQ1_AFileIsReplacedAsItsUserExpects(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("dotfiles/openclaw.json"), "old")
	for err := range map[error]bool{os.Chmod(in("dotfiles/openclaw.json"), 0o640): true, os.Symlink("dotfiles/openclaw.json", in("openclaw.json")): true} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := ReplaceConfig(in("openclaw.json"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	link, err := os.Readlink(in("openclaw.json"))
	info, statErr := os.Stat(in("dotfiles/openclaw.json"))
	if err != nil || statErr != nil || link != "dotfiles/openclaw.json" || content(t, in("dotfiles/openclaw.json")) != "new" || info.Mode().Perm() != 0o640 {
		t.Errorf("link %q, %v, mode %v, %v", link, err, info.Mode(), statErr)
	}
	if err := ReplaceConfig(in("fresh/new.json"), []byte("x")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(in("fresh/new.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a new file: %v, %v", info, err)
	}
	for _, dir := range []string{dir, in("dotfiles"), in("fresh")} {
		if left, _ := filepath.Glob(filepath.Join(dir, ".clawtray-*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestQ1_WhatMustNotBeReplaced(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"read-only", "linked", "store/openclaw.json", "theirs"} {
		write(t, in(name), "content")
	}
	steps := []error{os.Chmod(in("read-only"), 0o400), os.Symlink("read-only", in("to-read-only")), os.Symlink("gone", in("to-gone")),
		os.Link(in("linked"), in("second")), os.Mkdir(in("folder"), 0o700), os.Symlink("store/openclaw.json", in("to-store"))}
	refused := map[string]string{"read-only": "is read-only", "to-read-only": "link to a file that is read-only", "to-gone": "is not there",
		"linked": "hard link", "folder": "no regular file"}
	if os.Getuid() == 0 {
		steps = append(steps, os.Chown(in("theirs"), 4711, 4711))
		refused["theirs"] = "another user"
	} else {
		steps = append(steps, os.Chmod(in("store"), 0o500))
		refused["to-store"] = "cannot be replaced"
		defer os.Chmod(in("store"), 0o700)
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	for name, why := range refused {
		for what, err := range map[string]error{"asked": Replaceable(in(name)), "done": ReplaceConfig(in(name), []byte("new"))} {
			if !errors.Is(err, ErrNotReplaceable) || !strings.Contains(err.Error(), why) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		if raw, err := os.ReadFile(in(name)); err == nil && string(raw) != "content" {
			t.Errorf("%s holds %q", name, raw)
		}
	}
	// When one of several files must not be replaced, none is.
	s := Snapshot{Files: []SnapshotFile{{in("read-only"), []byte("new")}, {in("included"), []byte("new")}}}
	write(t, in("included"), "content")
	if err := s.Put(time.Now()); !errors.Is(err, ErrNotReplaceable) || content(t, in("included")) != "content" {
		t.Errorf("%v, %s", err, content(t, in("included")))
	}
}
