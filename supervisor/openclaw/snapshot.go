package openclaw

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Snapshot has the contents of the files of one configuration at one moment. It contains
// secrets, so keep it where only the user can read it. Its slices must not be written to.
type Snapshot struct {
	Taken time.Time      `json:"taken"`
	Files []SnapshotFile `json:"files"` // openclaw.json first, then what it includes
}

// SnapshotFile is one file of a Snapshot. Its text form does not contain its content
// (BEHAVIOUR K3).
type SnapshotFile struct {
	Path    string `json:"path"` // as openclaw.json or $include names it, which may be a link
	Content []byte `json:"content"`
}

func (f SnapshotFile) String() string { return fmt.Sprintf("%s, %d bytes", f.Path, len(f.Content)) }

// Format keeps the content out of every verb of package fmt.
func (f SnapshotFile) Format(s fmt.State, _ rune) { fmt.Fprint(s, f.String()) }

// ErrMoved says that files changed after they were read as a configuration.
var ErrMoved = errors.New("the configuration has changed in between")

// TakeSnapshot reads the files from which e was read. It returns ErrMoved when they have
// changed since then.
func TakeSnapshot(e Effective, now time.Time) (Snapshot, error) {
	s := Snapshot{Taken: now}
	err := s.add(e.Paths.ConfigPath, e.File)
	if err != nil {
		return Snapshot{}, err
	}
	if sum := sha256.Sum256(s.Files[0].Content); hex.EncodeToString(sum[:]) != e.File.Hash {
		return Snapshot{}, ErrMoved
	}
	return s, nil
}

// add appends a file and the files that it includes. file lists which files OpenClaw reads.
func (s *Snapshot) add(path string, file ConfigFile) error {
	raw, changed, err := readLimited(path, maxConfigSize)
	if err != nil {
		return err
	}
	if changed.After(file.Changed) {
		return ErrMoved
	}
	s.Files = append(s.Files, SnapshotFile{path, raw})
	doc, err := decodeJSON5(raw)
	if err != nil {
		return nil // the file includes nothing
	}
	for _, included := range includes(doc, filepath.Dir(path)) {
		known := slices.ContainsFunc(s.Files, func(f SnapshotFile) bool { return f.Path == included })
		if known || !slices.Contains(file.Files, included) {
			continue
		}
		if err := s.add(included, file); err != nil {
			return err
		}
	}
	return nil
}

// includes lists the files that the $include members of a document name.
func includes(v any, dir string) (paths []string) {
	switch v := v.(type) {
	case []any:
		for _, member := range v {
			paths = append(paths, includes(member, dir)...)
		}
	case map[string]any:
		for key, member := range v {
			if key == includeKey {
				paths = append(paths, named(member, dir)...)
			} else {
				paths = append(paths, includes(member, dir)...)
			}
		}
	}
	slices.Sort(paths)
	return paths
}

// named returns the files that one $include names.
func named(what any, dir string) (paths []string) {
	list, ok := what.([]any)
	if !ok {
		list = []any{what}
	}
	for _, item := range list {
		path, ok := item.(string)
		switch {
		case !ok:
		case filepath.IsAbs(filepath.Clean(path)):
			paths = append(paths, filepath.Clean(path))
		default:
			paths = append(paths, filepath.Join(dir, path))
		}
	}
	return paths
}

// IsCut reports whether err is about a file that ends too early.
func IsCut(err error) bool {
	e, is := errors.AsType[*SyntaxError](err)
	return is && e.Text == errEndOfText.Error()
}

// Differs lists the files whose content has changed since the snapshot, or that are gone.
func (s Snapshot) Differs() (paths []string) {
	for _, f := range s.Files {
		if raw, _, err := readLimited(f.Path, maxConfigSize); err != nil || string(raw) != string(f.Content) {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// Put restores the contents of all files, openclaw.json last. It first copies the current
// content of each file with KeepBeside. It changes nothing unless all files can be
// replaced.
func (s Snapshot) Put(now time.Time) error {
	differs := s.Differs()
	for _, path := range differs {
		if err := Replaceable(path); err != nil {
			return err
		}
	}
	for _, f := range slices.Backward(s.Files) {
		if !slices.Contains(differs, f.Path) {
			continue
		}
		if err := KeepBeside(f.Path, now); err != nil {
			return err
		}
		if err := ReplaceConfig(f.Path, f.Content); err != nil {
			return err
		}
	}
	return nil
}

// ErrNotReplaceable says that a file must not be replaced.
var ErrNotReplaceable = errors.New("the file must not be replaced")

// Replaceable returns nil when a configuration file may be replaced. The error says why
// not: the file, or what it links to, belongs to another user, is read-only or not a
// regular file, or is a link to nothing. A missing file may be created.
func Replaceable(path string) error {
	_, _, err := replaceable(path)
	return err
}

// replaceable returns the file to replace, after following links, and its FileInfo; nil
// when the file is missing.
func replaceable(path string) (string, fs.FileInfo, error) {
	named, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	no := func(why string) (string, fs.FileInfo, error) {
		if named.Mode()&fs.ModeSymlink != 0 {
			why = "it is a link to a file that " + why
		} else {
			why = "it " + why
		}
		return "", nil, fmt.Errorf("%s: %w: %s", path, ErrNotReplaceable, why)
	}
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return no("is not there")
	}
	if err != nil {
		return "", nil, err
	}
	info, err := os.Stat(target)
	switch {
	case err != nil:
		return "", nil, err
	case !info.Mode().IsRegular():
		return no("is no regular file")
	case !ours(info):
		return no("belongs to another user")
	case info.Mode().Perm()&0o200 == 0:
		return no("is read-only")
	case linkedTwice(info):
		return no("has a second name (a hard link)")
	}
	// In a folder that cannot be written, the files cannot be replaced either. The store of
	// Nix is such a folder.
	probe, err := os.CreateTemp(filepath.Dir(target), ".clawtray-*")
	if err != nil {
		return no("cannot be replaced: " + plain(err).Error())
	}
	probe.Close()
	return target, info, os.Remove(probe.Name())
}

// ReplaceConfig writes content to a configuration file completely or not at all. A link
// stays a link, and the file keeps its mode; a new file gets 0600. It fails with
// ErrNotReplaceable where Replaceable does.
func ReplaceConfig(path string, content []byte) error {
	target, info, err := replaceable(path)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o600)
	if info != nil {
		mode = info.Mode().Perm()
	} else if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(target), ".clawtray-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(content)
	if info != nil {
		keepGroup(tmp, info)
	}
	if err := errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), target); err != nil {
		return err
	}
	syncFolder(filepath.Dir(target))
	return nil
}

// WritePrivate writes a file of clawtray that contains secrets, completely or not at all.
// Its mode becomes 0600, whatever it was before.
func WritePrivate(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return replaceFile(path, content)
}

// maxKept is how many replaced files are kept beside each configuration file.
const maxKept = 5

// KeepBeside copies a configuration file to a new file in the same folder, with the time in
// its name and mode 0600. It removes the oldest copies beyond maxKept. A missing file is
// not copied.
func KeepBeside(path string, now time.Time) error {
	raw, _, err := readLimited(path, maxConfigSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := replaceFile(path+keptMark+now.UTC().Format(keptTime), raw); err != nil {
		return err
	}
	syncFolder(filepath.Dir(path))
	return PruneCopies(path + keptMark)
}

const (
	keptMark = ".replaced-"
	keptTime = "20060102-150405.000"
)

// PruneCopies removes all but the newest maxKept files whose names are prefix and a time as
// KeepBeside writes it. Other files stay.
func PruneCopies(prefix string) error {
	kept := Copies(prefix)
	var errs []error
	for _, path := range kept[:max(len(kept)-maxKept, 0)] {
		errs = append(errs, os.Remove(path))
	}
	return errors.Join(errs...)
}

// Copies lists the files that PruneCopies may remove, oldest first.
func Copies(prefix string) (paths []string) {
	entries, _ := os.ReadDir(filepath.Dir(prefix))
	for _, entry := range entries { // sorted by name, so by time
		stamp, is := strings.CutPrefix(entry.Name(), filepath.Base(prefix))
		if _, err := time.Parse(keptTime, stamp); is && err == nil && entry.Type().IsRegular() {
			paths = append(paths, filepath.Join(filepath.Dir(prefix), entry.Name()))
		}
	}
	return paths
}

// CopyName returns the name of a copy made at now, for Copies and PruneCopies.
func CopyName(prefix string, now time.Time) string { return prefix + now.UTC().Format(keptTime) }

// ChangedKeys compares two texts of openclaw.json. It returns the paths of the removed
// keys, and of the keys that are new or have another value, never a value (BEHAVIOUR Q1).
// OpenClaw's own keys below meta are left out. ok is false when one of the texts cannot be
// parsed.
func ChangedKeys(before, after []byte) (gone, changed []string, ok bool) {
	a, errA := parseJSON5(before)
	b, errB := parseJSON5(after)
	if errA != nil || errB != nil {
		return nil, nil, false
	}
	delete(a, "meta")
	delete(b, "meta")
	compareKeys("", a, b, func(path string) { gone = append(gone, path) }, func(path string) { changed = append(changed, path) })
	slices.Sort(gone)
	slices.Sort(changed)
	return gone, changed, true
}

func compareKeys(prefix string, a, b map[string]any, gone, changed func(string)) {
	for key, before := range a {
		path := prefix + key
		after, is := b[key]
		was, wasObject := before.(map[string]any)
		now, isObject := after.(map[string]any)
		switch {
		case !is:
			gone(path)
		case wasObject && isObject:
			compareKeys(path+".", was, now, gone, changed)
		case !reflect.DeepEqual(before, after):
			changed(path)
		}
	}
	for key := range b {
		if _, was := a[key]; !was {
			changed(prefix + key)
		}
	}
}
