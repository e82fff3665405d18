package commands

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/settings"
	"clawtray/supervisor/words"
	"clawtray/supervisor/words/wordstest"
	"clawtray/tray"
)

func TestTheCommandLineComesBeforeTheFile(t *testing.T) {
	if got := (Flags{Port: 7, Trace: true}).Override(settings.Default()); got.Port != 7 || got.LogLevel != "debug" {
		t.Errorf("got %+v", got)
	}
	if got := (Flags{}).Override(settings.Default()); got != settings.Default() {
		t.Errorf("got %+v", got)
	}
}

// XT9: --lang has priority in the menu until the setting differs from the one at the start.
func TestXT9_LangBeforeTheSettingAtTheStart(t *testing.T) {
	start, later := settings.Default(), settings.Default()
	later.Language, later.Notifications = "en", "none"
	if got := (Flags{Language: "zh"}).Chosen(start, start); got != (tray.Chosen{Notify: tray.NotifyAll, Language: "zh"}) {
		t.Errorf("at the start: %+v", got)
	}
	if got := (Flags{Language: "zh"}).Chosen(start, later); got != (tray.Chosen{Notify: tray.NotifyNone, Language: "en"}) {
		t.Errorf("when the file has changed: %+v", got)
	}
}

// TestEachVerbHasItsFile: each command is in the file with its name, or in the menu's
// table.
func TestEachVerbHasItsFile(t *testing.T) {
	for _, c := range root(Program{}).Commands() {
		if slices.ContainsFunc(tray.Verbs(), func(v tray.Verb) bool { return v.Name == c.Name() && v.Short != "" }) {
			continue
		}
		if _, err := os.Stat(c.Name() + ".go"); err != nil {
			t.Errorf("the command %s: %v", c.Name(), err)
		}
	}
}

// XT9: --lang sets the language of what commands say, wherever it stands; without it the
// system's counts.
func TestXT9_Lang(t *testing.T) {
	t.Cleanup(func() { words.Speak("") })
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("LC_ALL", "zh_CN.UTF-8")
	for line, want := range map[string]string{
		"--lang en": "en", "--lang=en help": "en", "start --help --lang en": "en", "status --json -x --lang en": "en", "--profile x --lang en": "en", "stauts --lang en": "en",
		"": "zh", "start --help": "zh", "--lang": "zh", "doctor -- --lang en": "zh", "--lang fr": "en",
	} {
		speak(strings.Fields(line))
		if got := words.Here().Language; got != want {
			t.Errorf("%q: %s", line, got)
		}
	}
}

// inChinese is the tree of all commands in Chinese, with the library's own.
func inChinese(t *testing.T) *cobra.Command {
	words.Speak("zh")
	t.Cleanup(func() { words.Speak("") })
	c := root(Program{})
	addCompletion(c)
	return c
}

// XT9: every help is in Chinese from its first line to its last, and there are no words for
// a command or a flag that there is not.
func TestXT9_HelpInChinese(t *testing.T) {
	used := map[string]bool{}
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		name := wordsName(c)
		used[name] = true
		var out bytes.Buffer
		c.SetOut(&out)
		c.InitDefaultHelpFlag()
		showHelp(c, nil)
		for line := range strings.Lines(out.String()) {
			if english := wordstest.English(line); english != "" || strings.Contains(line, "%!") {
				t.Errorf("%s: %q is left in English: %s", name, english, line)
			}
		}
		if !strings.ContainsFunc(c.Short, isHan) {
			t.Errorf("%s: %q", name, c.Short)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			used[name+" --"+f.Name] = true
			if !strings.ContainsFunc(f.Usage, isHan) {
				t.Errorf("%s --%s: %q", name, f.Name, f.Usage)
			}
		})
		for _, verb := range c.Commands() {
			look(verb)
		}
	}
	look(inChinese(t))
	for name, its := range words.Chinese.Command {
		for flag := range its.Flags {
			if !used[name+" --"+flag] {
				t.Errorf("there is no flag --%s of %q", flag, name)
			}
		}
		if !used[name] {
			t.Errorf("there is no command %q", name)
		}
	}
}

func isHan(r rune) bool { return unicode.Is(unicode.Han, r) }

// XT9: mistakes and answers are in the language, too.
func TestXT9_MistakesInChinese(t *testing.T) {
	for line, want := range map[string]string{
		"stauts": "没有命令 \"stauts\"；您是不是想用 status？", "frobnicate": "没有命令 \"frobnicate\"；用 clawtray help 查看所有可用的",
		"stop now": "clawtray stop 不接受参数，\"now\" 是多余的", "--prot 3": "clawtray 没有选项 --prot；您是不是想用 --port？",
		"--port 0": "--port 不能是 \"0\"：端口应在 1 到 65535 之间", "--profile A": "--profile 不能是 \"A\"：请使用最多 64 个小写字母、数字、“.”、“_”或“-”",
		"logs -n -1": "--lines 不能是 \"-1\"：行数应是不小于 0 的整数", "status --json --watch": "--json 和 --watch 不能同时使用，请只选一个",
		"status --json=maybe": "--json 不能是 \"maybe\"：只能是 true 或 false", "approvals allow": "请写一个请求的编号，或编号的开头；用 clawtray approvals 查看所有请求",
	} {
		c := inChinese(t)
		c.SetArgs(strings.Fields(line))
		if err := c.Execute(); err == nil || inWords(err) != want {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	if got := inWords(fmt.Errorf("%w", control.ErrNotRunning)); got != "clawtray 未运行" {
		t.Error(got)
	}
	cause := supervisor.Cause{Code: supervisor.KeepsCrashing, Detail: "5 times in 10 min", LastLine: "TypeError"}
	if got := inWords(cause); got != "网关反复崩溃：10 分钟内 5 次。最后一行：TypeError。请查看日志，然后再次启动。在终端中：clawtray start --safe" {
		t.Error(got)
	}
}
