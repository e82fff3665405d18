package peer

import (
	"os/user"
	"strconv"
)

// UserName is the login name of a user, for messages. For a user without a name it is
// the number after prefix, for example "the user with the id ".
func UserName(uid int, prefix string) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return prefix + id
}
