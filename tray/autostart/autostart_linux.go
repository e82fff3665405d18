package autostart

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// path is in the folder where every desktop looks (freedesktop's autostart specification).
func (l Login) path() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "autostart", l.name()+".desktop"), err
}

// entry returns the desktop entry. The program is in TryExec, too, so that no desktop tries
// to start it after its package was removed. Of the entry before, all lines stay but those
// that name the program or switch the entry off.
func (l Login) entry(before []byte) []byte {
	title := program
	if l.Profile != "" {
		title += " (" + l.Profile + ")"
	}
	ours := map[string]string{
		"Exec":     commandLine(l.words()),
		"TryExec":  inFile.Replace(l.Program),
		"Hidden":   "", // left out
		enabledKey: "true",
	}
	if len(before) == 0 {
		before = []byte("[Desktop Entry]\nType=Application\nName=" + title + "\nComment=Keeps the OpenClaw Gateway running\nIcon=clawtray\nExec=\nTryExec=\nTerminal=false\n" + enabledKey + "=\n")
	}
	var out bytes.Buffer
	for line := range strings.Lines(string(before)) {
		key, _, _ := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		switch value, is := ours[key]; {
		case !is:
			out.WriteString(strings.TrimRight(line, "\n") + "\n")
		case value != "":
			out.WriteString(key + "=" + value + "\n")
		}
	}
	return out.Bytes()
}

// enabledKey is the key with which GNOME's settings switch an entry off.
const enabledKey = "X-GNOME-Autostart-enabled"

// value returns a key's value in an entry; empty when the entry lacks it.
func value(entry []byte, key string) string {
	for line := range strings.Lines(string(entry)) {
		if k, v, _ := strings.Cut(line, "="); strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// starts returns the program that the entry starts; empty when there is no entry.
func (l Login) starts() (string, error) {
	b, err := l.read()
	return fromFile.Replace(value(b, "TryExec")), err
}

// inFile escapes a text as a value in a desktop entry.
var inFile = strings.NewReplacer(`\`, `\\`, "\n", `\n`)

// fromFile is the opposite of inFile.
var fromFile = strings.NewReplacer(`\\`, `\`, `\n`, "\n")

// commandLine quotes words for the Exec key: first for the command line and then for the
// file, because values in the file have their own backslashes.
func commandLine(words []string) string {
	inQuotes := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`, `%`, `%%`)
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, `"`+inQuotes.Replace(w)+`"`)
	}
	return inFile.Replace(strings.Join(quoted, " "))
}

// enabled handles both ways in which desktops switch an entry off.
func (l Login) enabled() (bool, error) {
	b, err := l.read()
	return b != nil && value(b, "Hidden") != "true" && value(b, enabledKey) != "false", err
}

// service looks for systemd user units. The units of profiles have the profile's name in
// theirs.
func service() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return first(filepath.Join(dir, "systemd", "user", "openclaw-gateway*.service"), "/etc/systemd/user/openclaw-gateway*.service")
}

// first returns the first file that matches one of the patterns.
func first(patterns ...string) string {
	for _, pattern := range patterns {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}
