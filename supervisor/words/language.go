package words

import (
	"cmp"
	"os"
	"strings"
)

// spoken is what Speak was told.
var spoken string

// Speak sets the language of all words, "en", "zh" or "zh-CN"; empty: the system's. Call
// it before anything else.
func Speak(language string) { spoken = language }

// Of are the words of a language.
func Of(language string) *Texts {
	if Language(language) == Chinese.Language {
		return &Chinese
	}
	return &English
}

// Here are the words of the language that Speak was told.
func Here() *Texts { return Of("") }

// Language is the language that we have, "en" or "zh", for a name like "en" or "zh-CN",
// for "system", or for the empty name, which means what [Speak] was told.
func Language(name string) string {
	if name == "" {
		name = spoken
	}
	if name == "" || name == "system" {
		name = systemLanguage()
	}
	return cmp.Or(Known(name), English.Language)
}

// Known is the one of our languages that a name like "zh-CN" means; empty: none of them.
func Known(name string) string {
	for _, one := range []string{English.Language, Chinese.Language} {
		if strings.HasPrefix(strings.ToLower(name), one) {
			return one
		}
	}
	return ""
}

// appleLanguage is the first language of what `defaults read -g AppleLanguages` says:
//
//	(
//	    "zh-Hans-CN",
//	    en
//	)
func appleLanguage(list string) string {
	first, _, _ := strings.Cut(strings.Trim(strings.TrimSpace(list), "()"), ",")
	return strings.Trim(strings.TrimSpace(first), `"`)
}

// localeFromEnv follows POSIX: the first that is set decides.
func localeFromEnv() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return "en"
}
