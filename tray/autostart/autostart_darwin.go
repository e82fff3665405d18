package autostart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// label names the agent to launchd.
const label = "app." + name

func agents() (string, error) {
	home, err := os.UserHomeDir()
	return filepath.Join(home, "Library", "LaunchAgents"), err
}

func entryPath() (string, error) {
	dir, err := agents()
	return filepath.Join(dir, label+".plist"), err
}

// entry has no KeepAlive: quitting must be possible.
func entry(l Login) []byte {
	var words bytes.Buffer
	for _, w := range append([]string{l.Program}, l.Args...) {
		words.WriteString("    <string>")
		_ = xml.EscapeText(&words, []byte(w)) // a Buffer does not fail
		words.WriteString("</string>\n")
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>%s</string>
  <key>ProgramArguments</key>
  <array>
%s  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>LimitLoadToSessionType</key>
  <string>Aqua</string>
</dict>
</plist>
`, label, words.String())
}

func enabled() (bool, error) {
	b, err := read()
	return b != nil, err
}

// service looks for the gateway's agent; a profile's carries its name instead
// of "gateway". OpenClaw has agents for other things too.
func service() string {
	dir, err := agents()
	if err != nil {
		return ""
	}
	found, _ := filepath.Glob(filepath.Join(dir, "ai.openclaw.*.plist"))
	for _, path := range found {
		base := filepath.Base(path)
		if base != "ai.openclaw.node.plist" && !strings.HasPrefix(base, "ai.openclaw.update.") {
			return path
		}
	}
	return ""
}
