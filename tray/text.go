package tray

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"clawtray/supervisor"
	"clawtray/supervisor/doctor"
	"clawtray/supervisor/words"
)

// texts are all sentences of the tray in one language. They are plain text, so that screen
// readers can read the menu.
type texts struct {
	state  stateTexts
	phase  phaseTexts
	detail detailTexts
	span   spanTexts
	run    runTexts
	entry  map[ID]entryWords
	about  aboutTexts
	answer answerTexts
	toast  toastTexts
	page   pageTexts
	ask    askTexts
	doing  doingTexts
	mark   markTexts
	known  func() []detailText // translations of details, each of which is applied; nil when there are none

	// These override what package supervisor says in English.
	cause, remedy map[supervisor.CauseCode]string
	// choose are the remedies that name an entry of the menu, for people who see the menu.
	choose map[supervisor.CauseCode]string
	reason map[supervisor.ReasonCode]string
	result map[supervisor.Result]string
}

// stateTexts are the beginnings of the status line. The %s of Running, Degraded, Stopped
// and Failed becomes a duration.
type stateTexts struct {
	Running, Degraded, Stopped, Failed, Reconnecting, Starting, Attempt, NextTry string
	DegradedNow, SignedOut, Unusable, Gateway                                    string
}

// phaseTexts follow the state in the status line: the reason for the stop, and what happens
// now.
type phaseTexts struct {
	ForStop, ForRestart, ForQuit, Killed, DrainingWork, Installing, InstallPercent string
	InstallItems, DrainingOne                                                      string

	by map[supervisor.Phase]string // for phases that need no number
}

// detailTexts are the lines below the status line.
type detailTexts struct {
	SlowStart, LastLine, About, Attached, UpdateReady, AttachedService, Service, InTerminal string
	Port, Repaired, Gone, Changed, Kept                                                     string
}

// spanTexts are durations, and the lines of incidents, which contain some.
type spanTexts struct {
	Second, Minute, Hour, Day, LessThanMinute, IncidentOpen, IncidentOver, IncidentTime string
}

// entryWords are those of a row of the table.
type entryWords struct {
	Title string
	Off   string // the title while the entry is disabled; empty means Title
	Done  string // the answer to a click; its %s becomes the result of the action; empty means only that result
	Short string // the help of the row's command
}

// runTexts are titles that the entries for starting and stopping have in some states.
type runTexts struct {
	Start, Stop, StopAttached, StopNow, StopKill, RestartAttached, RestartNow, RestartOff string
	QuitKeeps, QuitNow, QuitKill, QuitStopped                                             string
}

// aboutTexts are the names of facts about this clawtray.
type aboutTexts struct{ Licence, Settings, Config, Log string }

// answerTexts are answers to clicks.
type answerTexts struct {
	Requested, Opening, Copied, CopiedCommand, NoClipboard, Failing string
	Dashboard, NoBrowser, AddressCopied                             string
}

// toastTexts are the words of notifications.
type toastTexts struct {
	TroubleTitle, PersonTitle, BackTitle, BackBody, NoHostTitle, NoHostBody string
	NoHostElse, ExtensionOff                                                string

	noHost map[string]string // key: the desktop in lower case, or "bar" for compositors without an own panel
}

// pageTexts are for the page that leads a browser to the dashboard.
type pageTexts struct{ Language, Used, NoScript string }

// Answer is how a request ended, in words.
func Answer(a supervisor.Answer) string { return textsFor("").answered(a) }

// Sentence is a cause in words.
func Sentence(c supervisor.Cause) string { return textsFor("").sentence(c) }

// Reason is why a gateway that runs is not well, in words.
func Reason(r supervisor.Reason) string { return textsFor("").health(r) }

// Explain is a cause with all that is known of it, as the error of a command.
func Explain(c supervisor.Cause) string {
	t := textsFor("")
	if t == &english {
		return c.Error()
	}
	last, way := "", ""
	if c.LastLine != "" {
		last = fmt.Sprintf(t.detail.LastLine, c.LastLine) + t.mark.Stop
	}
	if one := c.Command(); one != "" {
		way = fmt.Sprintf(t.detail.InTerminal, one)
	}
	return t.mark.sentences(t.sentence(c), last, t.help(c), way)
}

// Voice is the language of doctor's findings; empty: what [words.Speak] was told.
func Voice(language string) doctor.Voice {
	t := textsFor(language)
	return doctor.Voice{Texts: words.Of(language), Sentence: t.sentence, Remedy: t.help, Reason: t.health}
}

// textsFor picks the language: a name like "en" or "zh-CN", "system", or empty for what
// [words.Speak] was told.
func textsFor(language string) *texts { return languages[words.Language(language)] }

// chosen is which of the languages of the menu a setting means.
func chosen(language string) string { return cmp.Or(words.Known(language), "system") }

// saying puts a word into a sentence that may have room for it.
func saying(sentence, word string) string { return strings.ReplaceAll(sentence, "%s", word) }

var languages = map[string]*texts{"en": &english, "zh": &chinese}

func (t *texts) sentence(c supervisor.Cause) string {
	if s, ok := t.cause[c.Code]; ok {
		if c.Detail == "" {
			return s
		}
		return t.withDetail(s, c.Detail)
	}
	return c.Sentence()
}

// detailText translates a detail from package supervisor.
type detailText struct {
	english *regexp.Regexp
	words   string // the translation, with $1 and so on; empty when the detail says nothing new
}

// withDetail adds a detail to a sentence, translated if a translation is known.
func (t *texts) withDetail(sentence, detail string) string {
	detail = strings.TrimPrefix(detail, ": ")
	if t.known != nil {
		for _, d := range t.known() {
			detail = d.english.ReplaceAllString(detail, d.words)
		}
	}
	if detail = strings.TrimSpace(detail); detail == "" {
		return sentence
	}
	return sentence + t.mark.Colon + detail
}

// answered returns the result of a request in words.
func (t *texts) answered(a supervisor.Answer) string {
	if s, ok := t.result[a.Result]; ok {
		return s
	}
	return a.Message
}

// forPeople are the causes whose detail is a name or a number that people know. The details
// of other causes are texts of programs, which only the menu and the log show.
var forPeople = map[supervisor.CauseCode]bool{
	supervisor.PortConflict: true, supervisor.PortForeignUser: true, supervisor.NodeTooOld: true, supervisor.Downgrade: true,
}

// told returns a cause for a notification: what happened, and what to do.
func (t *texts) told(c supervisor.Cause) string {
	if !forPeople[c.Code] {
		c.Detail = ""
	}
	return t.mark.sentences(t.sentence(c), t.kept(c), t.advice(c))
}

// markTexts are punctuation marks.
type markTexts struct{ Colon, Stop, Comma string }

// sentences joins a sentence without a full stop and the sentences after it.
func (m markTexts) sentences(first string, more ...string) string {
	return m.join(append([]string{first + m.Stop}, more...)...)
}

// join joins complete sentences.
func (m markTexts) join(sentences ...string) string {
	out := slices.DeleteFunc(sentences, func(s string) bool { return s == "" })
	between := " "
	if m.Stop == "。" { // this mark needs no space after it
		between = ""
	}
	return strings.Join(out, between)
}

// kept says that the last good configuration is not lost. It comes before what to do, because
// somebody whose configuration is damaged fears for it. Empty when there is none.
func (t *texts) kept(c supervisor.Cause) string {
	if c.Offer() != supervisor.LastGood {
		return ""
	}
	return fmt.Sprintf(t.detail.Kept, c.LastGood.Local().Format(t.span.IncidentTime))
}

func (t *texts) help(c supervisor.Cause) string {
	if s, ok := t.remedy[c.Code]; ok {
		return s
	}
	return c.Remedy()
}

// advice returns what to do, for people who see the menu.
func (t *texts) advice(c supervisor.Cause) string {
	if s, ok := t.choose[c.Code]; ok {
		return s
	}
	return t.help(c)
}

func (t *texts) health(r supervisor.Reason) string {
	s, ok := t.reason[r.Code]
	switch {
	case !ok:
		return r.Text
	case r.Detail != "":
		return t.withDetail(s, r.Detail)
	}
	return s
}

// minuteSteps are the values in which minutes are shown. They are few, because each change
// of a label closes the open menu on Qt desktops.
var minuteSteps = []int{1, 2, 5, 10, 20, 30, 45, 60}

// coarse returns a duration in rough words, and how long those words stay true.
func (t *texts) coarse(d time.Duration) (words string, next time.Duration) {
	switch {
	case d < time.Minute:
		return t.span.LessThanMinute, time.Minute - d
	case d < time.Hour:
		for i, step := range minuteSteps {
			if until := time.Duration(minuteSteps[i+1]) * time.Minute; d < until {
				return fmt.Sprintf(t.span.Minute, step), until - d
			}
		}
	case d < 24*time.Hour:
		return fmt.Sprintf(t.span.Hour, d/time.Hour), time.Hour - d%time.Hour
	}
	return fmt.Sprintf(t.span.Day, d/(24*time.Hour)), 24*time.Hour - d%(24*time.Hour)
}

// exact returns a duration that has ended, in at most two units.
func (t *texts) exact(d time.Duration) string {
	d = d.Round(time.Second)
	if d >= 10*time.Minute {
		d = d.Round(time.Minute)
	}
	units := []struct {
		words string
		unit  time.Duration
	}{{t.span.Day, 24 * time.Hour}, {t.span.Hour, time.Hour}, {t.span.Minute, time.Minute}, {t.span.Second, time.Second}}
	for i, u := range units[:3] {
		if d < u.unit {
			continue
		}
		whole, rest := fmt.Sprintf(u.words, d/u.unit), d%u.unit/units[i+1].unit
		if rest == 0 {
			return whole
		}
		return whole + " " + fmt.Sprintf(units[i+1].words, rest)
	}
	return fmt.Sprintf(t.span.Second, max(1, int(d/time.Second)))
}
