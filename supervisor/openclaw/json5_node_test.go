package openclaw

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// realRuntime returns the Node and the OpenClaw that packaging/test.sh has installed.
func realRuntime(t *testing.T) Runtime {
	t.Helper()
	node, entry := os.Getenv("CLAWTRAY_TEST_NODE"), os.Getenv("CLAWTRAY_TEST_OPENCLAW")
	if node == "" || entry == "" {
		const how = "CLAWTRAY_TEST_NODE and CLAWTRAY_TEST_OPENCLAW are not set; `make test` installs a runtime and sets them"
		if os.Getenv("CI") == "true" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return Runtime{Node: node, Entry: entry}
}

// nodeAnswers runs a JavaScript function called answer on every text, with OpenClaw's own
// packages, and returns its results. The function gets the text in the same form in which
// OpenClaw gets the text of a file.
func nodeAnswers(t *testing.T, script string, texts []string) []string {
	t.Helper()
	r := realRuntime(t)
	const frame = `
import fs from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.env.ENTRY);
console.warn = () => {};
const hex = (s) => Buffer.from(s, "utf8").toString("hex");
function show(v) {
	if (v === null) return "n";
	if (typeof v === "boolean") return v ? "t" : "f";
	if (typeof v === "string") return "s" + hex(v);
	if (typeof v === "number") {
		if (Number.isNaN(v)) return "NaN";
		const b = Buffer.alloc(8); b.writeDoubleBE(v); return "d" + b.toString("hex");
	}
	if (Array.isArray(v)) return "[" + v.map(show).join(",") + "]";
	return "{" + Object.keys(v).map((k) => hex(k) + ":" + show(v[k])).sort().join(",") + "}";
}
%s
const lines = fs.readFileSync(process.env.LINES, "latin1").split("\n");
const answers = [];
for (const line of lines) answers.push(await answer(Buffer.from(line, "base64").toString("utf8")));
console.log(answers.join("\n"));
`
	path := filepath.Join(t.TempDir(), "answers.mjs")
	if err := os.WriteFile(path, fmt.Appendf(nil, frame, script), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := make([]string, len(texts))
	for i, text := range texts {
		lines[i] = base64.StdEncoding.EncodeToString([]byte(text))
	}
	input := filepath.Join(filepath.Dir(path), "lines")
	if err := os.WriteFile(input, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), r.Node, path)
	cmd.Env = append(os.Environ(), "ENTRY="+r.Entry, "LINES="+input)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(answers) != len(texts) {
		t.Fatalf("%d answers for %d texts", len(answers), len(texts))
	}
	return answers
}

// showValue returns the same text as the JavaScript function show.
func showValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "n"
	case bool:
		return map[bool]string{true: "t", false: "f"}[v]
	case string:
		return "s" + hex.EncodeToString([]byte(v))
	case float64:
		if v != v {
			return "NaN"
		}
		return fmt.Sprintf("d%016x", math.Float64bits(v))
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = showValue(v[i])
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, hex.EncodeToString([]byte(key))+":"+showValue(v[key]))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	}
	panic(fmt.Sprintf("a value of type %T", v))
}

// TestO2_JSON5LikeNode parses 10,000 difficult texts with OpenClaw's parser and with ours.
// Both must return the same values and reject the same texts.
func TestO2_JSON5LikeNode(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(5, 2026))}
	texts := make([]string, 10_000)
	for i := range texts {
		texts[i] = g.document()
	}
	answers := nodeAnswers(t, `
const JSON5 = require("json5");
function answer(text) {
	try { return show(JSON.parse(text)); } catch {}
	try { return show(JSON5.parse(text)); } catch { return "refused"; }
}`, texts)
	refused, differences := 0, 0
	for i, text := range texts {
		got := "refused"
		if v, err := decodeJSON5([]byte(text)); err == nil {
			got = showValue(v)
		} else {
			refused++
		}
		if got != answers[i] {
			if differences++; differences <= 10 {
				t.Errorf("%q\n here %s\n node %s", text, got, answers[i])
			}
		}
	}
	t.Logf("%d of %d refused, %d differences", refused, len(texts), differences)
	if refused < len(texts)/20 || refused > len(texts)/2 {
		t.Error("the texts are too kind or too broken to tell much")
	}
}

// TestO2_DotenvLikeNode does the same with .env files.
func TestO2_DotenvLikeNode(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(7, 2026))}
	texts := make([]string, 5_000)
	for i := range texts {
		texts[i] = g.dotenv()
	}
	answers := nodeAnswers(t, `
const { parse } = require("dotenv");
function answer(text) {
	const kept = Object.entries(parse(Buffer.from(text))).filter(([key]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(key));
	return show(Object.fromEntries(kept));
}`, texts)
	differences := 0
	for i, text := range texts {
		values := map[string]any{}
		for key, value := range parseDotenv([]byte(text)) {
			values[key] = value
		}
		if got := showValue(values); got != answers[i] {
			if differences++; differences <= 10 {
				t.Errorf("%q\n here %s\n node %s", text, got, answers[i])
			}
		}
	}
}

// generator generates texts that are difficult to parse.
type generator struct{ *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

// seldom returns right, and sometimes one of the wrong texts.
func (g generator) seldom(right string, wrong ...string) string {
	if g.IntN(30) == 0 {
		return g.pick(wrong...)
	}
	return right
}

// document returns a JSON5 text. One in four has a mistake, and others may have one by
// chance.
func (g generator) document() string {
	text := g.space() + g.value(0) + g.space()
	if g.IntN(8) == 0 {
		text = "\ufeff" + text
	}
	if g.IntN(4) != 0 {
		return text
	}
	runes := []rune(text)
	at := g.IntN(len(runes))
	switch g.IntN(3) {
	case 0:
		return string(runes[:at]) // without its end
	case 1:
		return string(runes[:at]) + string(runes[at+1:])
	default:
		return string(runes[:at]) + g.pick("{", "}", "[", "]", ",", ":", "\\", "'", `"`, "/", "*", "0", "x", ".", "-", "\n", "\u2028", "é", "#") + string(runes[at:])
	}
}

func (g generator) space() string {
	var s strings.Builder
	for g.IntN(3) == 0 {
		s.WriteString(g.pick(" ", "\t", "\n", "\r\n", "\r", "\v", "\f", "\u00a0", "\ufeff", "\u2028", "\u2029", "\u1680", "\u2003", "\u202f", "\u205f", "\u3000",
			"// x\n", "// 'x\u2028", "/* */", "/**/", "/***/", "/* // */", "/*\n * see https://example.org\n */", "/* /* */", "//\r", "/*'*/"))
	}
	return s.String()
}

func (g generator) value(depth int) string {
	kind := g.IntN(10)
	if depth > 4 {
		kind = 4 + g.IntN(6)
	}
	switch {
	case kind < 3:
		return g.object(depth)
	case kind < 4:
		return g.array(depth)
	case kind < 7:
		return g.text()
	case kind < 9:
		return g.number()
	}
	return g.seldom(g.pick("null", "true", "false"), "nul", "True", "undefined", "truefalse")
}

func (g generator) members(depth int, open, end string, member func() string) string {
	var s strings.Builder
	s.WriteString(open + g.space())
	for i := range g.IntN(4) {
		if i > 0 {
			s.WriteString("," + g.space())
		}
		s.WriteString(member() + g.space())
		if g.IntN(6) == 0 {
			return s.String() + "," + g.space() + end
		}
	}
	return s.String() + end
}

func (g generator) array(depth int) string {
	return g.members(depth, "[", "]", func() string { return g.value(depth + 1) })
}

func (g generator) object(depth int) string {
	return g.members(depth, "{", "}", func() string { return g.key() + g.space() + ":" + g.space() + g.value(depth+1) })
}

func (g generator) key() string {
	if g.IntN(3) == 0 {
		return g.text()
	}
	return g.seldom(g.pick("a", "b", "a", "$", "_", "$a1", "ünï", "键", "ключ", "ａ", "ⅷ", "a\u200cb", "a\u0301", "a٣", "a‿b", `\u0061b`, `a\u0062`, `\u952e`, "__proto__", "constructor",
		"null", "true", "Infinity", "NaN", "gateway", "port", "𝒳", "ªb"),
		"1a", `\u0031`, `\x61`, "a-b", "℘", "·a", "a·b", "", "#x", `\u12`, "\u2028", "\u200ca", "́a")
}

func (g generator) number() string {
	body := g.seldom(g.pick("0", "1", "42", "18789", "1e3", "1E+3", "1e-3", ".5", "5.", "5.e2", "0.1", "0x1F", "0XaB", "0x1fffffffffffff", "0x20000000000001", "0x3fffffffffffffff",
		"1e400", "1e-400", "5e-324", "9007199254740993", "123456789012345678901234567890", "0.30000000000000004", "1.7976931348623159e308", "Infinity", "NaN", "0e9", "2.2250738585072011e-308"),
		"00", "01", "1.2.3", "0x", "1e", ".", "1_0", "0b1", "Infinit", "08", "0xg", "1e+", "1n")
	return g.seldom(g.pick("", "", "", "-", "+"), "--", "- ", "+-") + body
}

func (g generator) text() string {
	quote := g.pick(`"`, "'")
	var s strings.Builder
	for g.IntN(5) != 0 {
		s.WriteString(g.seldom(g.pick("a", "токен", "键", "😀", " ", "\t", "\x00", "\x7f", "\u2028", "\u2029", "\u00a0", "\ufeff", "//", "/*", "${NAME}", "$NAME",
			`\n`, `\t`, `\r`, `\b`, `\f`, `\v`, `\0`, `\x41`, `\xe9`, `\u00e9`, `\ud83d\ude00`, `\ud83d`, `\ude00`, `\ud83d\ud83d\ude00`, "\\ud83d\\\n\\ude00", "\\\n", "\\\r\n", "\\\r", "\\\u2028", "\\\u2029",
			`\'`, `\"`, `\\`, `\/`, `\a`, `\é`, `\😀`, `\ `, `\uD83Dx`, map[string]string{`"`: "'", "'": `"`}[quote]),
			`\01`, `\1`, `\9`, `\x4`, `\u12`, "\n", "\r", `\x`))
	}
	return quote + s.String() + g.seldom(quote, "", "\n"+quote)
}

// dotenv returns the text of a .env file.
func (g generator) dotenv() string {
	var s strings.Builder
	for range 1 + g.IntN(6) {
		s.WriteString(g.pick("", "", "export ", "  ", "\t", "# ", "export\u00a0", "\ufeff"))
		s.WriteString(g.pick("A", "B", "TOKEN", "a.b", "1X", "x-y", "ключ", "A B", ""))
		s.WriteString(g.pick("=", "=", "=", " = ", ": ", ":", "", "=\u00a0"))
		quote := g.pick("", "", `"`, "'", "`")
		s.WriteString(quote)
		for g.IntN(4) != 0 {
			s.WriteString(g.pick("x", "value", " ", "#", " # c", `\n`, `\r`, `\"`, `\'`, `"`, "'", "`", "\n", "\r\n", "=", "$A", "${A}", "é", "\t", "\v", "\u2003"))
		}
		s.WriteString(g.pick(quote, quote, quote, ""))
		s.WriteString(g.pick("\n", "\n", "\r\n", "\r", " # comment\n", ""))
	}
	return s.String()
}
