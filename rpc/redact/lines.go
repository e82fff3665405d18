package redact

import (
	"strings"
	"sync"
)

const (
	// keyLines bounds how many lines after "BEGIN PRIVATE KEY" can be lines of the key. RSA
	// keys of 16,384 bits have 200. A line between them that is not of the key counts as
	// otherLine lines.
	keyLines  = 256
	otherLine = 8
)

// Lines returns a function that redacts a program's output line by line. Unlike String it
// also removes a private key that is spread over many lines. Make one for each stream of
// lines; it may be called from any goroutine.
func (r *Redactor) Lines() func(line string) string {
	var mu sync.Mutex
	left := 0 // lines that may still belong to a private key
	return func(line string) string {
		mu.Lock()
		defer mu.Unlock()
		inside := left > 0
		mine := inside && (keyMaterial(line) || strings.Contains(line, "-----END "))
		switch {
		case keyBegins(line):
			left = keyLines
		case mine && strings.Contains(line, "-----END "):
			left = 0
		case mine:
			left--
		default:
			left -= otherLine
		}
		if mine {
			return Mark
		}
		return r.String(line)
	}
}

// keyBegins reports whether the next line is the first of a private key.
func keyBegins(line string) bool {
	line = strings.TrimRight(line, " \t\r\n")
	return strings.Contains(line, "-----BEGIN ") && (strings.HasSuffix(line, "PRIVATE KEY-----") || strings.HasSuffix(line, "PRIVATE KEY BLOCK-----"))
}

// keyMaterial reports whether a line can be one of a private key: base64, perhaps after a
// time stamp, perhaps shortened. A single ordinary word is not.
func keyMaterial(line string) bool {
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return false
	}
	last := strings.TrimRight(fields[len(fields)-1], "….\"'`,}])")
	if strings.Trim(last, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != "" {
		return false
	}
	return len(last) >= 16 && !ordinaryWord(last) || len(fields) == 1 && last != "" && !ordinaryWord(last)
}

// keyEnd is the index in body at which a private key ends, whose first line stands before
// body: after "-----END ...-----", or, when that is missing, where other text begins.
func keyEnd(body string) int {
	if i := strings.Index(body, "-----END "); i >= 0 {
		tail := i + len("-----END ")
		if dashes := strings.Index(body[tail:], "-----"); dashes >= 0 {
			return tail + dashes + len("-----")
		}
		return len(body)
	}
	end := 0
	for end < len(body) {
		line, size := body[end:], len(body)-end
		for _, newline := range []string{"\n", `\n`} { // in a text, in a JSON text
			if i := strings.Index(line, newline); i >= 0 {
				line, size = line[:i], i+len(newline)
			}
		}
		header := strings.HasPrefix(line, "Proc-Type:") || strings.HasPrefix(line, "DEK-Info:") || strings.TrimSpace(line) == ""
		if !header && !keyMaterial(strings.TrimRight(line, `\`)) {
			break
		}
		end += size
	}
	return end
}
