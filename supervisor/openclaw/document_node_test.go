package openclaw

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestO2_DocumentsLikeOpenClaw: OpenClaw's own loader and this package read the same sets
// of files, which include each other and refer to variables. Both must return the same
// gateway section and reject the same sets.
func TestO2_DocumentsLikeOpenClaw(t *testing.T) {
	g := treeGenerator{generator{rand.New(rand.NewPCG(9, 2026))}}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var cases []string
	for i := range 400 {
		dir := filepath.Join(root, fmt.Sprint(i))
		for name, text := range g.files() {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, _ := json.Marshal(treeCase{Dir: dir, Env: map[string]string{"HOME": dir, "A": "from-env", "EMPTY": "", "OPENCLAW_INCLUDE_ROOTS": filepath.Join(dir, "shared")}})
		cases = append(cases, string(c))
	}
	const dist = `
import { dirname } from "node:path";
process.env.HOME = "/nonexistent";
const { createConfigIO } = await import(dirname(process.env.ENTRY) + "/dist/config/config.js");
const quiet = { log() {}, info() {}, warn() {}, error() {}, debug() {} };
`
	answers := nodeAnswers(t, dist+`
async function answer(line) {
	const c = JSON.parse(line);
	const io = createConfigIO({ configPath: c.dir + "/state/openclaw.json", env: c.env, observe: false, pluginValidation: "core-only", logger: quiet });
	const s = await io.readConfigFileSnapshot();
	if (s.issues.some((i) => /include|parse/i.test(i.message))) return "refused";
	return show(s.sourceConfig.gateway ?? null);
}`, cases)
	refused, differences := 0, 0
	for i, answer := range answers {
		var c treeCase
		if err := json.Unmarshal([]byte(cases[i]), &c); err != nil {
			t.Fatal(err)
		}
		got := c.read()
		if got == "refused" {
			refused++
		}
		if got != answer {
			if differences++; differences <= 5 {
				text, _ := os.ReadFile(filepath.Join(c.Dir, "state/openclaw.json"))
				t.Errorf("%d: %s\n here %s\n node %s", i, text, got, answer)
			}
		}
	}
	t.Logf("%d of %d refused, %d differences", refused, len(cases), differences)
	if refused == 0 || refused > len(cases)/2 {
		t.Error("the sets are too kind or too broken to tell much")
	}
}

type treeCase struct {
	Dir string            `json:"dir"`
	Env map[string]string `json:"env"`
}

// read returns the gateway section with its variables replaced, in the form of nodeAnswers'
// show.
func (c treeCase) read() string {
	var env []string
	for name, value := range c.Env {
		env = append(env, name+"="+value)
	}
	v := &variables{process: env}
	d := &document{vars: v, files: &openFiles{ctx: context.Background(), stamps: map[string]fileStamp{}}}
	d.paths = v.paths(c.Dir, "")
	d.paths.ConfigPath = filepath.Join(c.Dir, "state/openclaw.json")
	if _, err := d.load(); err != nil {
		return "refused"
	}
	return showValue(substituted(v, d.tree["gateway"]))
}

func substituted(vars *variables, v any) any {
	switch v := v.(type) {
	case string:
		text, _ := vars.substitute(v)
		return text
	case []any:
		for i := range v {
			v[i] = substituted(vars, v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = substituted(vars, v[key])
		}
	}
	return v
}

// treeGenerator generates sets of configuration files; the main file is
// state/openclaw.json.
type treeGenerator struct{ generator }

func (g treeGenerator) files() map[string]string {
	files := map[string]string{"state/openclaw.json": "{" + g.env() + g.include(2) + "gateway: " + g.gateway() + "}"}
	for _, name := range []string{"state/a.json", "state/b.json", "state/sub/c.json", "shared/d.json", "outside/e.json"} {
		switch g.IntN(6) {
		case 0: // the file is missing
		case 1:
			files[name] = g.gateway()
		case 2:
			files[name] = "{" + g.include(2) + "gateway: " + g.gateway() + "}"
		case 3:
			files[name] = g.auth()
		default:
			files[name] = "{ /* // */ " + g.include(4) + "gateway: " + g.gateway() + ", }"
		}
	}
	return files
}

func (g treeGenerator) env() string {
	return g.pick("", `env: {vars: {B: "from-block", A: "loses", EMPTY: "filled", C: "${A}"}}, `, `env: {B: "direct", " D ": "trimmed", vars: {B: "vars", "x-y": "z"}}, `)
}

// include returns an $include member in one of n cases, else "".
func (g treeGenerator) include(n int) string {
	if g.IntN(n) != 0 {
		return ""
	}
	one := func() string {
		return g.pick(`"a.json"`, `"./b.json"`, `"sub/c.json"`, `"../shared/d.json"`, `"../outside/e.json"`, `"../b.json"`, `"c.json"`, `"sub/../a.json"`)
	}
	return "$include: " + g.seldom(g.pick(one(), one(), "["+one()+", "+one()+"]"), "5", "[5]", "[]", "''", "null") + ", "
}

func (g treeGenerator) gateway() string {
	var s strings.Builder
	s.WriteString("{" + g.include(8))
	for _, member := range []string{"mode: " + g.pick(`"local"`, `"remote"`), "port: " + g.pick("1000", "0x7d0", "3e3"), "bind: " + g.pick(`"lan"`, `"auto"`, `'loop\x62ack'`),
		"trustedProxies: " + g.pick(`["10.0.0.1"]`, `["10.0.0.2", "${A}"]`, `["10.0.0.3"]`, "[]"), "auth: " + g.auth(), "controlUi: {basePath: " + g.word() + "}"} {
		if g.IntN(2) == 0 {
			s.WriteString(member + ", ")
		}
	}
	return s.String() + "}"
}

func (g treeGenerator) auth() string {
	return "{" + g.include(10) + "mode: " + g.pick(`"token"`, `"password"`) + ", token: " + g.word() + g.pick("", ", __proto__: {token: 'x'}", ", constructor: {a: 1}") + "}"
}

// word returns a text, sometimes with variables.
func (g treeGenerator) word() string {
	return g.pick(`"abc"`, `"${A}"`, `"$A"`, `"x${A}y${B}"`, `"$${A}"`, `"$$${A}"`, `"$$A"`, `"${EMPTY}"`, `"${MISSING}"`, `"${a}"`, `"${A"`, `"${}"`, `"${C}"`, `"${D}"`, `"$$$${A}"`, `"${A}}"`, `"$ {A}"`, `"${A${B}}"`)
}
