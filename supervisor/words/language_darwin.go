package words

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"time"
)

// systemLanguage returns the user's first language. It does not use LANG: programs of the
// desktop have none, and in terminals the user has not chosen its value.
var systemLanguage = sync.OnceValue(func() string {
	if os.Getenv("LC_ALL") != "" {
		return localeFromEnv()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	list, err := exec.CommandContext(ctx, "/usr/bin/defaults", "read", "-g", "AppleLanguages").Output()
	if language := appleLanguage(string(list)); err == nil && language != "" {
		return language
	}
	return localeFromEnv()
})
