package tray

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"clawtray/supervisor/requests"
)

// askTexts are the words about requests that wait for a person.
type askTexts struct {
	Allow, Deny, Approve, Reject, Details                    string
	One, Many, None, OneMore, More, Expires, Answer, Where   string
	Cut, OnlyDeny, Missing, Several, Named, Changed, Nothing string

	question    map[requests.Kind]string
	fact        map[requests.FactName]string
	result, let map[requests.Result]string // let is for pairing requests, see wantsIn
}

// wantsIn reports whether r is a pairing request: somebody wants access, and does not ask
// for one action.
func wantsIn(r requests.Request) bool {
	return r.Kind == requests.Device || r.Kind == requests.Node || r.Kind == requests.Channel
}

// decision returns the words of the entry or button that answers r with d.
func (a *askTexts) decision(r requests.Request, d requests.Decision) string {
	switch {
	case d == requests.Allow && wantsIn(r):
		return a.Approve
	case d == requests.Allow:
		return a.Allow
	case wantsIn(r):
		return a.Reject
	}
	return a.Deny
}

// became returns the result of an answer in words.
func (a *askTexts) became(r requests.Request, result requests.Result) string {
	if words, ok := a.let[result]; ok && wantsIn(r) {
		return words
	}
	return a.result[result]
}

func (a *askTexts) more(n int) string {
	if n == 1 {
		return a.OneMore
	}
	return fmt.Sprintf(a.More, n)
}

// waiting returns how many requests wait, in words.
func (a *askTexts) waiting(n int) string {
	switch n {
	case 0:
		return a.None
	case 1:
		return a.One
	}
	return fmt.Sprintf(a.Many, n)
}

// asking returns all of a request, in lines. Each line of what is asked begins with a mark,
// so that nobody can believe that clawtray says it.
func (t *texts) asking(r requests.Request, now time.Time) []string {
	head := r.ID
	if !r.Expires.IsZero() {
		left, _ := t.coarse(max(0, r.Expires.Sub(now)))
		head += t.mark.Comma + fmt.Sprintf(t.ask.Expires, left)
	}
	out := []string{head, "  " + t.ask.question[r.Kind] + strings.TrimRight(t.mark.Colon, " ")}
	out = append(out, marked(r.Text)...)
	for _, f := range r.Facts {
		if !strings.Contains(f.Value, "\n") {
			out = append(out, "  "+t.ask.fact[f.Name]+t.mark.Colon+f.Value)
			continue
		}
		out = append(append(out, "  "+t.ask.fact[f.Name]+strings.TrimRight(t.mark.Colon, " ")), marked(f.Value)...)
	}
	if r.OnlyDeny {
		out = append(out, "  "+t.ask.OnlyDeny)
	}
	return out
}

func marked(text string) []string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = "  │ " + lines[i]
	}
	return lines
}

// Asking returns all waiting requests with all details, for a terminal. The text contains
// no control characters except newlines.
func Asking(all []requests.Request, now time.Time) string { return textsFor("").askingAll(all, now) }

func (t *texts) askingAll(all []requests.Request, now time.Time) string {
	out := []string{t.ask.waiting(len(all))}
	for _, r := range all {
		out = append(append(out, ""), t.asking(r, now)...)
		out = append(out, "  "+fmt.Sprintf(t.ask.Answer, short(r.ID, all)))
	}
	return strings.Join(out, "\n") + "\n"
}

// Became returns the result of a person's answer to r, in words.
func Became(r requests.Request, result requests.Result) string {
	return textsFor("").ask.became(r, result)
}

// minID is the minimum length of the part of an id that names a request.
const minID = 4

// short returns the shortest part of an id, at least eight characters, that distinguishes
// it from all others.
func short(id string, all []requests.Request) string {
	for n := 8; n < len(id); n++ {
		if r, err := Named(id[:n], all); err == nil && r.ID == id {
			return id[:n]
		}
	}
	return id
}

// Named returns the request with this id, or the only one whose id begins with it.
func Named(id string, all []requests.Request) (found requests.Request, err error) {
	t := textsFor("")
	if len(id) < minID {
		return found, errors.New(t.ask.Named)
	}
	var same int
	for _, r := range all {
		if r.ID == id {
			return r, nil
		}
		if strings.HasPrefix(r.ID, id) {
			found = r
			same++
		}
	}
	switch same {
	case 0:
		return found, fmt.Errorf(t.ask.Missing, id)
	case 1:
		return found, nil
	}
	return requests.Request{}, fmt.Errorf(t.ask.Several, id)
}
