package openclaw

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// npmrcs are files in npm's dialect of ini. The key says what is special in each.
var npmrcs = map[string]string{
	"comments after values": "registry=https://r.example/ ; company\nlogs-dir=/x#y\ncafile = /ca.pem # the proxy's\n//r.example/:_authToken=x ; ci\n",
	"comments in keys":      "registry;x=https://r.example/\nproxy # x = http://p.example\n",
	"escaped comments":      "registry=https://r.example/a\\;b\\#c\nuser-agent=a\\\\b\\x\\\n",
	"quoted keys":           "\"registry\" = https://r.example/\n'cafile'=/ca.pem\n\"//r.example/:_authToken\"=x\n",
	"quoted values": "registry=\"https://r.example/\"\ncafile='/a b/ca.pem'\nproxy=\"http:\\u002f/p.example\"\nuser-agent='\"x\"'\n" +
		"init-version=\"1.0.0\nhttps-proxy='http://q.example\ntag=\"a\" ; not quoted any more\n",
	"quoted values of other kinds": "user-agent='12'\nstrict-ssl='false'\nproxy='null'\ntag='{\"a\": 1}'\ninit-author-url='1.50'\ninit-author-name='1e3'\n",
	"a quote alone":                "registry='\ncafile=\"\nproxy=''\ntag=\"\"\n",
	"no value":                     "registry\nuser-agent=\n=x\n==\nproxy==x\n",
	"words":                        "strict-ssl=false\nproxy=null\ncafile=undefined\nregistry=true\n",
	"not quite words":              "strict-ssl=False\nproxy=NULL\n",
	"arrays":                       "ca[]=\"one\\ntwo\"\nca[]=three ; x\nca=four\nnoproxy[]=a.example\nnoproxy[]=b.example\nomit[] = dev\n",
	"array after a value":          "ca=one\nca[]=two\nnoproxy=a.example,b.example\n[]=x\n",
	"twice":                        "registry=https://a.example/\nregistry=https://b.example/\n",
	"sections":                     "cafile=/a.pem\n[section]\nregistry=https://r.example/\n[other]\nproxy=http://p.example\n",
	"not quite sections":           " [x]\n[y\ncafile=/a.pem\n[z] ; comment\ntag=t\n",
	"variables":                    "registry=https://${HOST}/\ncafile=${NONE?}/ca.pem\nuser-agent=${NONE}\n//${HOST}/:_authToken=${TOKEN}\nproxy=http://${HOST?}/\n",
	"escaped variables":            "user-agent=\\${HOST}\ntag=\\\\${HOST}\ninit-author-name=\\\\\\${HOST}\ninit-author-url=\"\\\\${HOST}\"\n",
	"variables in variables":       "user-agent=${A${HOST}}\ntag=${}\ninit-author-name=${HOST\n",
	"line ends and spaces":         "\ufeffregistry = https://r.example/  \r\n\r\n\t cafile\t=\t/ca.pem\rtag=x=y = z\n   ; x\n\t# y\n",
	"location":                     "location=global\nprefix=/somewhere\nglobal=true\n",
	"strange keys":                 "__proto__=x\n__proto__[]=y\nproxy=http://p.example\n",
}

// npmrcKeys are the settings that the test compares.
var npmrcKeys = []string{"registry", "strict-ssl", "ca", "cafile", "proxy", "https-proxy", "noproxy", "user-agent", "tag", "omit", "logs-dir", "location",
	"init-version", "init-author-name", "init-author-url", "//r.example/:_authToken"}

// readWithNpm is a script with which npm's own code reads the files in its arguments, one
// after the other, without any other settings, and prints the settings of each.
const readWithNpm = `
const path = require('path'), npm = process.argv[2], keys = JSON.parse(process.argv[3])
const load = name => require(require.resolve(name, {paths: [npm]}))
const Config = load('@npmcli/config'), { definitions, shorthands, flatten } = load('@npmcli/config/lib/definitions')
;(async () => {
	const all = []
	for (const file of process.argv.slice(4)) {
		const config = new Config({ npmPath: path.dirname(file), definitions, shorthands, flatten, argv: [process.execPath, 'npm', '--userconfig', file, '--globalconfig', '/nonexistent'],
			cwd: path.dirname(file), env: { HOME: '/home/u', HOST: 'host.example', TOKEN: 'secret' }, execPath: process.execPath, platform: 'linux', warn: false })
		await config.load()
		const data = config.data.get('user').data
		all.push(Object.fromEntries(keys.filter(k => Object.hasOwn(data, k)).map(k => [k, data[k] ?? null])))
	}
	console.log(JSON.stringify(all))
})()`

// XW3: we read the same settings from a .npmrc as the npm of this machine.
func TestXW3_LikeTheRealNpm(t *testing.T) {
	node, npm := realNpm(t)
	dir := t.TempDir()
	script := filepath.Join(dir, "read.cjs")
	keys, err := json.Marshal(npmrcKeys)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte(readWithNpm), 0o600); err != nil {
		t.Fatal(err)
	}
	args, names := []string{script, npm, string(keys)}, []string{}
	for name, text := range npmrcs {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args, names = append(args, path), append(names, name)
	}
	cmd := exec.CommandContext(t.Context(), node, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []map[string]any
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(names) {
		t.Fatalf("%v: %s", err, out)
	}
	env := []string{"HOST=host.example", "TOKEN=secret"}
	for i, name := range names {
		got := parseNpmrc(npmrcs[name], env)
		for _, key := range npmrcKeys {
			value, there := answers[i][key]
			want, is := npmText(value)
			have, ok := got[key]
			if key == "cafile" || key == "logs-dir" { // npm makes the path absolute
				want, have = filepath.Base(want), filepath.Base(have)
			}
			if is && (there != ok || there && have != want) {
				t.Errorf("%s: %s = %q, %v; npm reads %#v, %v", name, key, have, ok, value, there)
			}
		}
	}
}

// npmText returns a value of npm in the form in which we keep it: a list has one line per
// value. ok is false for values without such a form.
func npmText(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "null", true
	case string:
		return v, true
	case []any:
		text := ""
		for i, one := range v {
			if i > 0 {
				text += "\n"
			}
			part, _ := npmText(one)
			text += part
		}
		return text, true
	case map[string]any:
		return "", false
	}
	raw, err := json.Marshal(v)
	return string(raw), err == nil
}

// realNpm returns a Node and the folder of an npm on this machine.
func realNpm(t *testing.T) (node, npm string) {
	if runtime.GOOS == "windows" {
		t.Skip("npm is a script there, that does not tell where it is")
	}
	node, err := exec.LookPath("node")
	if err == nil {
		npm, err = exec.LookPath("npm")
	}
	if err == nil {
		npm, err = filepath.EvalSymlinks(npm)
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs node and npm in PATH: ", err)
	}
	return node, filepath.Dir(filepath.Dir(npm))
}
