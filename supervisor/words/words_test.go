package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clawtray/supervisor/words/wordstest"
)

// places are the values in a sentence, such as %d.
var places = regexp.MustCompile(`%(\[\d\])?[\d*]*[a-z]`)

// foreign is Latin punctuation beside a Chinese character.
var foreign = regexp.MustCompile(`\p{Han}[,.:;!?()]|[,:;!?()] ?\p{Han}|：：`)

// XT9: there is no sentence without a translation, each has room for the same values, and
// Chinese has its own punctuation.
func TestXT9_EverySentenceInEveryLanguage(t *testing.T) {
	en, zh := map[string]string{}, map[string]string{}
	wordstest.Collect(en, "", reflect.ValueOf(English))
	wordstest.Collect(zh, "", reflect.ValueOf(Chinese))
	if len(en) < 200 || len(en) != len(zh) {
		t.Errorf("%d English texts, %d Chinese ones", len(en), len(zh))
	}
	for name, english := range en {
		chinese, ok := zh[name]
		switch want := places.FindAllString(english, -1); {
		case name == ".Space": // Chinese needs none
		case !ok || (english == "") != (chinese == ""):
			t.Errorf("%s: %q is not translated", name, english)
		case english == "" && !strings.HasSuffix(name, ".Long") && name != ".Exit.130.Exactly.clawtray":
			t.Errorf("%s is empty", name)
		case !slices.Equal(want, places.FindAllString(chinese, -1)):
			t.Errorf("%s: %q has other values than %q", name, chinese, english)
		case wordstest.English(chinese) != "":
			t.Errorf("%s: English in %q", name, chinese)
		case foreign.MatchString(chinese):
			t.Errorf("%s: %q has Latin punctuation", name, chinese)
		}
	}
}

// XT9: what other packages say in English has a translation with as many values, and none
// stands behind another one that takes its place.
func TestXT9_SentencesOfOthers(t *testing.T) {
	for i, s := range Chinese.Elsewhere {
		if strings.Count(s.English, "%s") != len(places.FindAllString(s.Here, -1)) || wordstest.English(s.Here) != "" || foreign.MatchString(s.Here) {
			t.Errorf("%q is translated as %q", s.English, s.Here)
		}
		example := strings.ReplaceAll(s.English, "%s", "7")
		for _, before := range Chinese.Elsewhere[:i] {
			if _, ok := values(before.English, example); ok {
				t.Errorf("%q never comes behind %q", s.English, before.English)
			}
		}
	}
	for said, want := range map[string]string{
		"clawtray (process 12) is running, but you may not open its socket /x": "clawtray（进程 12）正在运行，但您无权打开它的套接字 /x",
		"clawtray does not answer":                   "clawtray 没有响应",
		"it cannot be read: permission denied":       "无法读取：没有权限",
		"line 3 (port): it has to be true or not":    "第 3 行（port）：it has to be true or not",
		"what only a gateway says, whatever it be %": "what only a gateway says, whatever it be %",
	} {
		if got := Chinese.Translate(said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
		if got := English.Translate(said); got != said {
			t.Errorf("%q became %q", said, got)
		}
	}
}

// XT9: every error that package control and the settings have words for is known here. Whoever
// writes a new one writes its translation.
func TestXT9_ErrorsOfOthersAreKnown(t *testing.T) {
	verbs := regexp.MustCompile(`%[\d*]*[a-z]`)
	seen := 0
	for _, folder := range []string{"../control", "../settings"} {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, text := range errorsIn(t, file) {
				text, seen = verbs.ReplaceAllString(text, "%s"), seen+1
				if got := Chinese.Translate(strings.ReplaceAll(text, "%s", "7")); strings.Trim(text, "%s: ") != "" && wordstest.English(got) != "" {
					t.Errorf("%s: %q is not translated", file, text)
				}
			}
		}
	}
	if seen < 30 {
		t.Errorf("found only %d errors", seen)
	}
}

// errorsIn are the texts of the errors that a file makes.
func errorsIn(t *testing.T, file string) (texts []string) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		name := ""
		switch f := call.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		text, ok := call.Args[0].(*ast.BasicLit)
		if ok && text.Kind == token.STRING && slices.Contains([]string{"Errorf", "New", "say"}, name) {
			unquoted, _ := strconv.Unquote(text.Value)
			texts = append(texts, unquoted)
		}
		return true
	})
	return texts
}
