package settings

import (
	"errors"
	"regexp"
)

var profileName = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)

// CheckProfile returns an error when a profile cannot have this name, which becomes a part
// of the names of its folders. Capital letters are not allowed, because some file systems
// ignore case.
func CheckProfile(name string) error {
	if !profileName.MatchString(name) || name == "." || name == ".." {
		return errors.New(`choose a name of at most 64 small letters, digits, ".", "_" and "-"`)
	}
	return nil
}
