//go:build !darwin && !windows

package words

func systemLanguage() string { return localeFromEnv() }
