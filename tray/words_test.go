package tray

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"clawtray/supervisor"
	"clawtray/supervisor/words"
	"clawtray/supervisor/words/wordstest"
)

var textsPage = flag.String("texts", "", "write a page with every text in every language to this file")

// TestTextsPage writes every text in both languages side by side, for native speakers.
func TestTextsPage(t *testing.T) {
	page := textsAsPage()
	if n := strings.Count(page, "\n| "); n < 700 {
		t.Errorf("the page has only %d rows", n)
	}
	if *textsPage == "" {
		return
	}
	if err := os.WriteFile(*textsPage, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
}

func textsAsPage() string {
	en, zh := map[string]string{}, map[string]string{}
	wordstest.Collect(en, "", reflect.ValueOf(english))
	wordstest.Collect(zh, "", reflect.ValueOf(chinese))
	wordstest.Collect(en, ".words", reflect.ValueOf(words.English))
	wordstest.Collect(zh, ".words", reflect.ValueOf(words.Chinese))
	for i, s := range words.Chinese.Elsewhere {
		name := fmt.Sprintf(".words.Elsewhere.%03d", i+1)
		en[name], zh[name] = s.English, s.Here
	}
	for i, d := range chineseDetails() {
		name := fmt.Sprintf(".known.%03d", i+1)
		en[name], zh[name] = "`"+d.english.String()+"`", d.words
	}
	for code := range chinese.cause { // whose English words are package supervisor's
		c := supervisor.Cause{Code: code}
		en[".cause."+string(code)], en[".remedy."+string(code)] = c.Sentence(), c.Remedy()
	}
	var b strings.Builder
	b.WriteString("# Every text of clawtray\n\n| text | English | 中文 |\n|---|---|---|\n")
	cell := strings.NewReplacer("|", "\\|", "\n", " ")
	for _, name := range slices.Sorted(maps.Keys(zh)) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.TrimPrefix(name, "."), cell.Replace(en[name]), cell.Replace(zh[name]))
	}
	return b.String()
}

// foreign matches Latin punctuation beside a Chinese character, and repeated punctuation.
var foreign = regexp.MustCompile(`\p{Han}[,.:;!?()]|[,.:;!?()] ?\p{Han}|：：|：:|: `)

// XT9: Chinese has its own punctuation, in each text and where texts are joined.
func TestXT9_ChinesePunctuation(t *testing.T) {
	all := map[string]string{}
	wordstest.Collect(all, "", reflect.ValueOf(chinese))
	for name, text := range all {
		if m := foreign.FindString(text); m != "" {
			t.Errorf("%s: %q in %q", name, m, text)
		}
	}
	for name, s := range pictures() {
		s.LastLine, s.Cause.LastLine = "", "" // these are the gateway's own words
		if s.Cause.Code == supervisor.ConfigInvalid {
			s.Cause.Detail = ""
		}
		menu := View(s, Settings{Language: "zh"}, noon)
		for _, line := range append(titles(menu), menu.Tooltip) {
			if m := foreign.FindString(line); m != "" {
				t.Errorf("%s: %q in %q", name, m, line)
			}
		}
	}
}

func titles(m Menu) (all []string) {
	eachItem(m.Items, func(it Item) {
		if !it.Hidden {
			all = append(all, it.Title)
		}
	})
	return all
}

// XT9: details from package supervisor, which are English, are translated.
func TestXT9_Details(t *testing.T) {
	for c, want := range map[supervisor.Cause]string{
		{Code: supervisor.TokenMismatch, Detail: ": ours comes from openclaw.json"}:                                                                       "网关拒绝令牌：本程序的令牌来自 openclaw.json",
		{Code: supervisor.KeepsCrashing, Detail: "5 times in 10 min: The gateway was killed (SIGKILL)"}:                                                   "网关反复崩溃：10 分钟内 5 次",
		{Code: supervisor.GaveUp, Detail: "The gateway ended by itself (exit code 1)"}:                                                                    "无法恢复网关",
		{Code: supervisor.Exited, Detail: "exit code 1"}:                                                                                                  "网关自行结束：退出代码 1",
		{Code: supervisor.PortConflict, Detail: "nginx (pid 812) listens on port 18789; port 18790 is free"}:                                              "端口被其他程序占用：nginx（进程 812）正在使用端口 18789，端口 18790 空闲",
		{Code: supervisor.ConfigLost, Detail: "/h/openclaw.json is not there any more"}:                                                                   "OpenClaw 的配置已损坏或不见了：/h/openclaw.json 已不存在",
		{Code: supervisor.ConfigLost, Detail: "/h/openclaw.json has no gateway.mode any more"}:                                                            "OpenClaw 的配置已损坏或不见了：/h/openclaw.json 中已没有 gateway.mode",
		{Code: supervisor.ConfigBroken, Detail: "/h/openclaw.json: the file is empty"}:                                                                    "OpenClaw 的配置有错误：/h/openclaw.json 是空文件",
		{Code: supervisor.ConfigBroken, Detail: "/h/openclaw.json is not valid JSON5: line 2, column 3: x"}:                                               "OpenClaw 的配置有错误：/h/openclaw.json 第 2 行第 3 列有语法错误",
		{Code: supervisor.SecretUnresolved, Detail: "/h/openclaw.json: gateway.auth.token refers to the environment variable MY_TOKEN, which is not set"}: "OpenClaw 的配置引用了不存在的内容：/h/openclaw.json 的 gateway.auth.token 引用了环境变量 MY_TOKEN，而它没有设置",
	} {
		if got := chinese.sentence(c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Q4: what to do about a configuration is not cut off in the menu, which has two lines for it.
func TestQ4_AdviceFitsIntoTheMenu(t *testing.T) {
	for _, code := range []supervisor.CauseCode{supervisor.ConfigUnreadable, supervisor.ConfigForeign, supervisor.ConfigBroken, supervisor.ConfigLost,
		supervisor.ConfigClobbered, supervisor.ConfigConflict, supervisor.SecretUnresolved, supervisor.ProxyOnly, supervisor.DiskError} {
		for _, words := range []*texts{&english, &chinese} {
			if advice := words.advice(supervisor.Cause{Code: code}); len(wrap(advice, 3)) > 2 {
				t.Errorf("%s: %q", code, wrap(advice, 3))
			}
		}
	}
}

// XT9: every answer to a click is in the language of the menu.
func TestXT9_AnswersByResult(t *testing.T) {
	for _, result := range constants(t, "intent.go", "Result") {
		a := supervisor.Answer{Result: supervisor.Result(result), Message: "in English"}
		if got := chinese.answered(a); got == a.Message || got == "" {
			t.Errorf("%s: %q", result, got)
		}
	}
}
