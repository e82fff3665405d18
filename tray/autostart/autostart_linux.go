package autostart

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// entryPath is where every desktop looks (freedesktop's autostart specification).
func entryPath() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "autostart", name+".desktop"), err
}

func entry(l Login) []byte {
	return fmt.Appendf(nil, `[Desktop Entry]
Type=Application
Name=clawtray
Comment=Keeps the OpenClaw Gateway running
Icon=clawtray
Exec=%s
Terminal=false
X-GNOME-Autostart-enabled=true
`, commandLine(append([]string{l.Program}, l.Args...)))
}

// commandLine quotes words for the Exec key: first for the command line, then
// for the file, whose strings have backslashes of their own.
func commandLine(words []string) string {
	inQuotes := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`, `%`, `%%`)
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, `"`+inQuotes.Replace(w)+`"`)
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(strings.Join(quoted, " "))
}

// enabled knows the two ways in which desktops switch an entry off.
func enabled() (bool, error) {
	b, err := read()
	if b == nil || err != nil {
		return false, err
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), "=")
		switch strings.TrimSpace(key) + "=" + strings.TrimSpace(value) {
		case "Hidden=true", "X-GNOME-Autostart-enabled=false":
			return false, nil
		}
	}
	return true, nil
}

// service looks for systemd user units; those of profiles carry their name.
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
