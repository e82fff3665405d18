package autostart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// label is the agent's name in launchd.
func (l Login) label() string { return "app." + l.name() }

func agents() (string, error) {
	home, err := os.UserHomeDir()
	return filepath.Join(home, "Library", "LaunchAgents"), err
}

func (l Login) path() (string, error) {
	dir, err := agents()
	return filepath.Join(dir, l.label()+".plist"), err
}

// The command line of an agent is between these two.
const (
	wordsBegin = "<key>ProgramArguments</key>"
	wordsEnd   = "</array>"
)

// entry returns the agent's file. It has no KeepAlive, because launchd would then start
// clawtray again after a quit. Of the file before, all stays but the command line.
func (l Login) entry(before []byte) []byte {
	var words bytes.Buffer
	words.WriteString(wordsBegin + "\n  <array>\n")
	for _, w := range l.words() {
		words.WriteString("    <string>")
		_ = xml.EscapeText(&words, []byte(w)) // writing to a Buffer never fails
		words.WriteString("</string>\n")
	}
	words.WriteString("  " + wordsEnd)
	if head, _, tail, ok := aroundWords(before); ok {
		return slices.Concat(head, words.Bytes(), tail)
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>%s</string>
  %s
  <key>RunAtLoad</key>
  <true/>
  <key>LimitLoadToSessionType</key>
  <string>Aqua</string>
</dict>
</plist>
`, l.label(), words.Bytes())
}

// aroundWords cuts an agent's file into the parts before, in and after its command line.
func aroundWords(file []byte) (head, words, tail []byte, ok bool) {
	head, rest, begins := bytes.Cut(file, []byte(wordsBegin))
	words, tail, ends := bytes.Cut(rest, []byte(wordsEnd))
	return head, words, tail, begins && ends
}

// starts returns the first word of the command line.
func (l Login) starts() (string, error) {
	b, err := l.read()
	if err != nil {
		return "", err
	}
	_, words, _, _ := aroundWords(b)
	var array struct {
		Words []string `xml:"string"`
	}
	if xml.Unmarshal(slices.Concat(words, []byte(wordsEnd)), &array) != nil || len(array.Words) == 0 {
		return "", nil
	}
	return array.Words[0], nil
}

func (l Login) enabled() (bool, error) {
	b, err := l.read()
	return b != nil, err
}

// service looks for the agent of a gateway. With a profile, the agent's name has the
// profile's name instead of "gateway". OpenClaw has agents for other purposes, too.
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
