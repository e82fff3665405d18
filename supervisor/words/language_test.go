package words

import "testing"

func TestXT9_AppleLanguage(t *testing.T) {
	for list, want := range map[string]string{
		"(\n    \"zh-Hans-CN\",\n    \"en-CN\"\n)\n": "zh", "(\n    \"en-GB\",\n    \"zh-Hans\"\n)\n": "en", "(\n    de\n)": "en",
	} {
		if got := Language(appleLanguage(list)); got != want {
			t.Errorf("%q: %q", list, appleLanguage(list))
		}
	}
}

// XT13: LC_ALL decides before LC_MESSAGES, that before LANG, as in POSIX.
func TestXT13_LocaleFromEnv(t *testing.T) {
	for _, c := range []struct{ all, messages, lang, want string }{
		{"zh_CN.UTF-8", "de_DE", "en_US", "zh_CN.UTF-8"}, {"", "de_DE", "en_US", "de_DE"}, {"", "", "en_US", "en_US"}, {"", "", "", "en"},
	} {
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_MESSAGES", c.messages)
		t.Setenv("LANG", c.lang)
		if got := localeFromEnv(); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestXT9_Language(t *testing.T) {
	t.Setenv("LC_ALL", "zh_TW.UTF-8")
	for name, want := range map[string]string{"en_GB.UTF-8": "en", "C": "en", "fr": "en", "zh_CN.UTF-8": "zh", "ZH": "zh", "system": "zh", "": "zh"} {
		if got := Language(name); got != want || Of(name).Language != want {
			t.Errorf("%q: %q, %q", name, got, Of(name).Language)
		}
	}
	Speak("en")
	defer Speak("")
	if Here() != &English {
		t.Error("what Speak was told does not count")
	}
}
