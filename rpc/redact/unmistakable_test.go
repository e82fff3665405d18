package redact_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"clawtray/rpc/redact"
)

// R1: what a person decides about looks like what it is.
func TestR1_Unmistakable(t *testing.T) {
	for in, want := range map[string]string{
		"rm -rf /tmp/x && echo \"$(id)\" > 'a'": "rm -rf /tmp/x && echo \"$(id)\" > 'a'",
		"two\nlines\tand a tab":                 "two\nlines\tand a tab",
		"\u0440m -rf /":                         `\u0440m -rf /`,           // a Russian р
		"\u0441\u043e\u0440 file":               `\u0441\u043e\u0440 file`, // all of it could be Latin
		"cat отчёт.txt Привет":                  "cat отчёт.txt Привет",    // Russian that looks like nothing else
		"echo 你好，世界 مرحبا":                      "echo 你好，世界 \\u0645\\u0631\\u062d\\u0628\\u0627",
		"ls\u00a0-la\u2003x\u2800y":             `ls\u00a0-la\u2003x\u2800y`,
		"curl http:\u2215\u2215x":               `curl http:\u2215\u2215x`,
		"a \uff06\uff06 b \uff04(id)":           `a \uff06\uff06 b \uff04(id)`,
		"echo \u2039b\u203a":                    `echo \u2039b\u203a`,
		"rm \u2013rf":                           `rm \u2013rf`,
		"a\u037eb \u212aill":                    `a\u037eb \u212aill`,
		"使用 git，然后继续吗？":                         "使用 git，然后继续吗？",
		"\U0001d42b\U0001d426 x":                `\U0001d42b\U0001d426 x`,
		"\uff52\uff4d x":                        `\uff52\uff4d x`,
		"a\u202egpj.exe \u2066x\u2069\x1b[2J":   `a\u202egpj.exe \u2066x\u2069\u001b[2J`,
		"x\ufe00y\ufe0f ❤\ufe0f 👨\u200d👩":       "x\\ufe00y\\ufe0f ❤\ufe0f 👨\u200d👩",
		"cafe\u0301 naïve":                      "cafe\u0301 naïve",
		"rm \u05d0 /":                           `rm \u05d0 /`,
		"bad \xff":                              `bad \xff`,
	} {
		if got := redact.Unmistakable(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// R1: sentences stay readable in every language, but no letter of theirs passes for another.
func TestR1_UnmistakableProse(t *testing.T) {
	for in, want := range map[string]string{
		"It’s “quoted” – send it?": "It’s “quoted” – send it?",
		"שלום עולם، مرحبا":         "שלום עולם، مرحبا",
		"pay p\u0430ypal":          `pay p\u0430ypal`,
		"a\u202eb\x1b[2J":          `a\u202eb\u001b[2J`,
		"要发送邮件，继续吗？（是）":            "要发送邮件，继续吗？（是）",
	} {
		if got := redact.UnmistakableProse(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// R1: a long text stays whole, and what is unmistakable already does not change again.
func TestR1_UnmistakableIsWholeAndStable(t *testing.T) {
	long := strings.Repeat("echo p\u0440ice; ", 100_000/15)
	got := redact.Unmistakable(long)
	if strings.Count(got, `p\u0440ice`) != strings.Count(long, ";") {
		t.Errorf("%d of %d", strings.Count(got, `p\u0440ice`), strings.Count(long, ";"))
	}
	if again := redact.Unmistakable(got); again != got {
		t.Error("it changed again")
	}
}

func FuzzUnmistakable(f *testing.F) {
	f.Add("rm \u0440\u202e\xff\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := redact.Unmistakable(s)
		if !utf8.ValidString(got) || redact.Unmistakable(got) != got || redact.Printable(got) != got {
			t.Errorf("%q became %q", s, got)
		}
	})
}
