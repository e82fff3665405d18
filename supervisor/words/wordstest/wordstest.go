// Package wordstest helps tests to find sentences that nobody has translated.
package wordstest

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// notWords are commands, paths, addresses, versions and what stands in quotes: they are the
// same in every language.
var notWords = regexp.MustCompile("`[^`]*`|\"[^\"]*\"|“[^”]*”|clawtray( [a-z]+)*|(source|chmod|make|autoload) .*|https?://\\S*|\\S*[/\\\\=$~\\d.<>_@*-]\\S*")

// sentence is three words of English side by side.
var sentence = regexp.MustCompile(`\b[A-Za-z']{2,}(,? [A-Za-z']+){2,}`)

// English is a sentence in a Chinese text that is not translated; empty: there is none.
func English(text string) string {
	for line := range strings.Lines(text) {
		if found := sentence.FindString(notWords.ReplaceAllString(line, "|")); found != "" {
			return found
		}
	}
	return ""
}

// Collect notes every text in a value by its path, such as ".Doctor.PortFree".
func Collect(into map[string]string, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		into[path] = v.String()
	case reflect.Struct:
		for i := range v.NumField() {
			Collect(into, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			Collect(into, path+"."+fmt.Sprint(key), v.MapIndex(key))
		}
	}
}
