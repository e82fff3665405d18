package redact_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"clawtray/rpc/redact"
)

const (
	random  = "Zk3v9QxLr7Tn2WbY8cJm5HdPs6Fg1AaE" // like a token
	awkward = `p@ss/w"o\rd-öl 77%2F&<x>+'=`      // like a password that somebody chose
)

// XS5: a known secret is found in the spellings of JSON, JavaScript and URLs.
func TestXS5_KnownSecretsInEverySpelling(t *testing.T) {
	r := redact.New(random, awkward)
	quoted, _ := json.Marshal(awkward)
	twice, _ := json.Marshal(string(quoted))
	for name, text := range map[string]string{
		"plain": awkward, "json": string(quoted), "json in json": string(twice), "query": url.QueryEscape(awkward), "path": url.PathEscape(awkward),
		"lower case": strings.ToLower(url.QueryEscape("@/\"\\")) + " " + lowerHex(url.PathEscape(awkward)), "query in query": url.QueryEscape(url.QueryEscape(awkward)),
		"slashes": strings.ReplaceAll(awkward, "/", `\/`), "ASCII": ascii(awkward), "javascript": strings.ReplaceAll(awkward, `"`, `\x22`), "emphasised": colour(awkward),
		"colour": "\x1b[31m" + awkward[:9] + "\x1b[0m" + awkward[9:], "colour in json": `\u001b[31m` + awkward[:9] + `\u001B[0m` + awkward[9:],
		"link": "\x1b]8;;http://h/?x=" + url.QueryEscape(awkward) + "\x1b\\text\x1b]8;;\x1b\\", "title": awkward[:9] + "\x1b]0;title\x07" + awkward[9:],
		"no width": awkward[:8] + "\u200b" + awkward[8:], "wide": strings.Join(strings.Split(awkward, ""), "\x00"),
	} {
		if got := r.String("begin " + text + " end"); !strings.HasPrefix(got, "begin ") || !strings.HasSuffix(got, " end") || strings.Contains(got, "77") || strings.Contains(got, "p@ss") || !strings.Contains(got, redact.Mark) {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
}

// XS5: a secret that contains something that looks like an escape.
func TestXS5_SecretsWithEscapesOfTheirOwn(t *testing.T) {
	for _, secret := range []string{`!a"\xaa&\u0041bc`, `50%41%2fAB&"c"`} {
		r := redact.New(secret)
		quoted, _ := json.Marshal(secret)
		for _, text := range []string{secret, string(quoted), url.QueryEscape(secret), url.PathEscape(secret)} {
			if got := r.String("<" + text + ">"); leaks(got, text, 8) || !strings.Contains(got, redact.Mark) {
				t.Errorf("%q became %q", text, got)
			}
		}
	}
}

func lowerHex(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] == '%' {
			copy(b[i:i+3], strings.ToLower(s[i:i+3]))
		}
	}
	return string(b)
}

func ascii(s string) string {
	var out strings.Builder
	for _, c := range s {
		if c == '"' || c == '\\' {
			out.WriteByte('\\')
		}
		if c < 0x80 {
			out.WriteRune(c)
		} else {
			out.WriteString(`\u00` + "f6")
		}
	}
	return out.String()
}

func colour(s string) string { return "\x1b[1m" + s[:3] + "\x1b[22m" + s[3:] }

// XS5: wherever a cut goes through a secret, no eight characters of it are left.
func TestXS5_PartsOfSecrets(t *testing.T) {
	const chosen = "correct horse battery staple"
	const brackets = "ect hor]]]]]]"
	r := redact.New(random, chosen, brackets)
	for _, secret := range []string{random, chosen, brackets} {
		for n := 1; n <= len(secret); n++ {
			head, tail := secret[:n], secret[len(secret)-n:]
			for _, text := range []string{"x " + head, tail + " x", "x " + head + "…", "x " + head + "... and more", "…" + tail + " x", head, tail, "first\n[...]\n" + tail + "x", head + "\n[...]\nx", `reason "` + head + "…\""} {
				if got := r.String(text); leaks(got, secret, 8) {
					t.Errorf("%q became %q", text, got)
				}
			}
		}
	}
	for _, text := range []string{"the battery is low", "correct me", "horse", "the correct horse is correct"} {
		if got := r.String(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// leaks reports whether size consecutive bytes of secret are in text.
func leaks(text, secret string, size int) bool {
	for i := 0; i+size <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+size]) {
			return true
		}
	}
	return false
}

// XS6: a gateway cannot remove an ordinary word by issuing it as a token.
func TestXS6_IssuedTokens(t *testing.T) {
	r := redact.New()
	r.AddIssued("status", "nineteen-characters", "", "the gateway listens on the port", random)
	const text = "status: nineteen-characters, the gateway listens on the port 1"
	if got := r.String(text); got != text {
		t.Errorf("got %q", got)
	}
	if got := r.String("device " + random + " signed in"); got != "device [redacted] signed in" {
		t.Errorf("got %q", got)
	}
}

// XS5: secrets in the environment. Each secret contains LEAK, each other value KEEP.
func TestXS5_Environment(t *testing.T) {
	r := redact.New()
	r.AddEnv([]string{
		"ANTHROPIC_API_KEY=LEAK-api-1", "OPENCLAW_GATEWAY_PASSWORD=LEAKgateway", "OPENCLAW_GATEWAY_TOKEN=LEAKtoken", "STRIPE_KEY=LEAKstripe", "DB_PASS=LEAKpass", "PGPASSWD=LEAKpasswd",
		"MYSQL_PWD=LEAKmysql", "MY_CREDENTIALS=LEAKcredentials", "PROXY_AUTH=LEAKuser1", "DATABASE_URL=postgres://user:LEAK%2Fdb@host/x", "http_proxy=http://u:LEAKproxy@proxy:1", "A_SECRET=/LEAKlike/base64+x",
		"GOOGLE_SERVICE_CREDENTIALS={\"private_key\":\"-----BEGIN PRIVATE KEY-----\\nLEAKMIIEvQ\\n-----END PRIVATE KEY-----\",\"type\":\"KEEPaccount\"}", "SSH_KEY=line one LEAK\nline two LEAK",
		"PWD=/home/KEEP/project", "OLDPWD=/KEEPvery/old", "SSH_AUTH_SOCK=/run/user/KEEP/ssh", "XAUTHORITY=/home/KEEP/.Xauthority", "GIT_AUTHOR_NAME=KEEP Author", "KEYBOARD=KEEPus-intl",
		"AUTH_MODE=KEEPtrusted-proxy", "USE_TOKEN=true", "TOKEN_PORT=8080", "SECRET=short", "TOKEN_FILE=KEEPfile-name", "XDG_SESSION_TYPE=KEEPwayland", "AUTH_URL=https://KEEP.example/", "TOKEN=${KEEPNAME}", "broken",
	})
	for _, text := range []string{
		"used LEAK-api-1", "LEAKgateway", "LEAKtoken", "LEAKstripe", "LEAKpass", "LEAKpasswd", "LEAKmysql", "LEAKcredentials", "LEAKuser1", "LEAK/db", "LEAK%2fdb", "LEAKproxy", "/LEAKlike/base64+x",
		"LEAKMIIEvQ", "line one LEAK", "line two LEAK",
	} {
		if got := r.String(text); strings.Contains(got, "LEAK") {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{
		"KEEPaccount", "/home/KEEP/project", "/KEEPvery/old", "/run/user/KEEP/ssh", "/home/KEEP/.Xauthority", "KEEP Author", "KEEPus-intl", "KEEPtrusted-proxy", "true 8080 short", "KEEPfile-name", "KEEPwayland", "https://KEEP.example/", "KEEPNAME",
	} {
		if got := r.String(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// XS5: what openclaw.json holds.
func TestXS5_Configuration(t *testing.T) {
	var doc any
	if err := json.Unmarshal([]byte(`{
		"gateway": {"port": 18789, "auth": {"mode": "KEEPtrusted-proxy", "token": "LEAKtoken", "password": "LEAK pass word"}, "remote": {"token": "LEAKremote", "url": "wss://u:LEAKinurl@host"}},
		"channels": {"telegram": {"botToken": "123456:LEAKbot", "dmPolicy": "KEEPpairing"}, "slack": {"appToken": {"source": "env", "id": "KEEP_APP_TOKEN", "provider": "KEEPdefault"}, "signingSecret": "${KEEP_SECRET}"}},
		"models": {"providers": [{"name": "KEEPanthropic", "apiKey": "LEAKapikey"}]}, "env": {"vars": {"ANTHROPIC_API_KEY": "LEAKanthropic"}}, "agents": {"maxTokens": 200000, "tokens": ["LEAKlisted", "none"], "contextTokens": 12345678},
		"secrets": {"providers": {"default": {"source": "env"}}, "x": {"value": "LEAKdeep1"}}, "web": {"password": 4711081500, "pin": 1234567890}, "flag": {"token": true, "secret": "8080"}
	}`), &doc); err != nil {
		t.Fatal(err)
	}
	r := redact.New(redact.Secrets(doc)...)
	for _, text := range []string{"LEAKtoken", "LEAK pass word", "LEAKremote", "LEAKinurl", "123456:LEAKbot", "LEAKapikey", "LEAKanthropic", "LEAKlisted", "LEAKdeep1", "4711081500"} {
		if got := r.String("it said " + text); got != "it said [redacted]" {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{"KEEPtrusted-proxy", "KEEPpairing", "KEEP_APP_TOKEN", "KEEPdefault", "KEEP_SECRET", "KEEPanthropic", "18789 200000 12345678 8080 true none 1234567890"} {
		if got := r.String(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// XS5: a private key that a program prints line by line, with another line between them.
func TestXS5_PrivateKeyOverLines(t *testing.T) {
	lines := redact.New().Lines()
	var got []string
	for _, line := range []string{
		"here it is", "-----BEGIN RSA PRIVATE KEY-----", "MIIEowIBAAKCAQEAwJ", "[gateway] heartbeat", "2026-11-26T00:45:34Z LEAKLEAKLEAKLEAK+/x", "LEAK==", "-----END RSA PRIVATE KEY-----", "after", "short==", "expected -----BEGIN PRIVATE KEY----- here", "listening", "Short",
	} {
		got = append(got, lines(line))
	}
	if all := strings.Join(got, "|"); strings.Contains(all, "LEAK") || all != "here it is|[redacted]|[redacted]|[gateway] heartbeat|[redacted]|[redacted]|[redacted]|after|short==|expected [redacted] here|listening|Short" {
		t.Error(all)
	}
}

// XN11: a folder is renamed only where its whole name stands.
func TestXN11_Places(t *testing.T) {
	r := redact.New()
	r.AddPlace("/home/jane/", "~")
	r.AddPlace(`C:\Users\Jane`, "~")
	r.AddPlace("/", "~")
	for in, want := range map[string]string{
		"/home/jane/.openclaw/x": "~/.openclaw/x", "in /home/jane.": "in ~.", "/home/janet/x": "/home/janet/x", `C:\Users\Jane\x`: `~\x`, `"C:\\Users\\Jane\\x"`: `"~\\x"`, "/tmp": "/tmp",
	} {
		if got := r.String(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}

// TestXS5_PartsThatAreOnlyLetters: a token may have a long part without a digit.
func TestXS5_PartsThatAreOnlyLetters(t *testing.T) {
	const token = "uqnpyglpjtvdoemnbhqe4f7kq2"
	r := redact.New(token)
	for n := 12; n <= len(token); n++ {
		for _, text := range []string{"it begins with " + token[:n] + ", they say", "it ends with " + token[len(token)-n:] + ", they say"} {
			if got := r.String(text); leaks(got, token, 8) {
				t.Errorf("%q became %q", text, got)
			}
		}
	}
}
