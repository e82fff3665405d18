package openclaw

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// npmSecrets are the secrets of a user of a registry, each in a place where npm looks for
// it. They have small letters only, so that the redactor cannot recognise them by their
// form.
var npmSecrets = map[string]string{
	"token in ~/.npmrc":       "qwzxvkjhplmnbtrefda",
	"password in ~/.npmrc":    "wrtypsdfghklzxcvbmn",
	"name and password":       "user:plokmijnuhbygvtfcrd",
	"password of the proxy":   "zaqxswcdevfrbgtnhym",
	"token of a variable":     "mnbvcxzlkjhgfdsapoi",
	"key of a model provider": "yhnujmikolptgbrfvedc",
}

func (s *site) haveSecrets() {
	s.t.Helper()
	encoded := func(name string) string { return base64.StdEncoding.EncodeToString([]byte(npmSecrets[name])) }
	npmrc := "//a.example/:_authToken=" + npmSecrets["token in ~/.npmrc"] + "\n//b.example/:_password=" + encoded("password in ~/.npmrc") +
		"\n//b.example/:username=user\n//c.example/:_auth=" + encoded("name and password") + "\n"
	if err := os.WriteFile(filepath.Join(s.o.Home, ".npmrc"), []byte(npmrc), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.o.Env = append(s.o.Env, "http_proxy=http://user:"+npmSecrets["password of the proxy"]+"@proxy.example:3128/", "no_proxy=127.0.0.1",
		"NPM_TOKEN="+npmSecrets["token of a variable"], "ANTHROPIC_API_KEY="+npmSecrets["key of a model provider"])
}

// spoken returns the secrets in the forms in which npm or a registry may print them.
func spoken() (all []string) {
	for _, secret := range npmSecrets {
		_, password, _ := strings.Cut(secret, ":")
		all = append(all, secret, base64.StdEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret))
		if password != "" {
			all = append(all, password)
		}
	}
	return all
}

// TestXS5_WhatNpmSays: output of npm and answers of a registry are shown and kept without
// the user's secrets and without text that controls a terminal.
func TestXS5_WhatNpmSays(t *testing.T) {
	for name, say := range map[string]func(s *site, words string){
		"npm, in its log": func(s *site, words string) {
			s.npm("cat <<'X'\n" + words + "\nX\nexit 1\n")
		},
		"npm, in its last word": func(s *site, words string) {
			s.npm("cat <<'X'\nnpm error code E403\nnpm error " + words + "\nX\nexit 1\n")
		},
		"Node, in its version": func(s *site, words string) {
			s.node("#!/bin/sh\ncat <<'X'\n" + words + "\nX\n")
		},
		"a registry, in its description": func(s *site, words string) {
			s.reg.change(func() {
				s.reg.fault = func(w http.ResponseWriter, r *http.Request) bool {
					http.Redirect(w, r, "ftp://"+words, http.StatusFound)
					return true
				}
			})
		},
	} {
		for _, words := range spoken() {
			s := newSite(t)
			s.haveSecrets()
			var log bytes.Buffer
			s.o.Log = &log
			if strings.HasPrefix(name, "npm") {
				say(s, "\x1b]0;evil\x07 it was "+words+" \u202e")
			} else {
				say(s, words)
			}
			_, err := s.install(t.Context())
			if failed := (*InstallError)(nil); !errors.As(err, &failed) {
				t.Fatalf("%s: error %v", name, err)
			}
			for _, shown := range append(s.steps, err.Error(), log.String()) {
				if strings.Contains(shown, words) {
					t.Errorf("%s: shown is %q", name, shown)
				}
				if strings.ContainsFunc(strings.ReplaceAll(shown, "\n", ""), func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }) {
					t.Errorf("%s: %q would drive a terminal", name, shown)
				}
			}
			if strings.HasPrefix(name, "npm") && !strings.Contains(log.String(), "it was [redacted]") {
				t.Errorf("%s: the log is %q", name, log.String())
			}
		}
	}
}
