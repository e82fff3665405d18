package openclaw

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// accepts reports whether a package's engines.node range contains a Node version
// ("v24.21.0"). An empty range contains all versions. A range that cannot be parsed
// contains none, because an error message is better than a Gateway that cannot work.
func accepts(engines, version string) bool {
	v, err := semver.NewVersion(version)
	if err != nil {
		return false
	}
	if strings.TrimSpace(engines) == "" {
		return true
	}
	c, err := semver.NewConstraint(engines)
	return err == nil && c.Check(v)
}

// newerFirst compares versions for sorting, newest first and invalid ones last.
func newerFirst(a, b string) int {
	va, errA := semver.NewVersion(a)
	vb, errB := semver.NewVersion(b)
	if errA != nil || errB != nil {
		return cmp.Compare(boolInt(errA != nil), boolInt(errB != nil))
	}
	return vb.Compare(va)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// clause is one alternative of a range: all versions from "from" on whose major version is
// lower than "below".
type clause struct {
	from  *semver.Version
	below uint64 // 0 means no upper limit
}

var plainClause = regexp.MustCompile(`^(?:>=\s*v?([0-9.]+)(?:\s+<\s*v?(\d+)(?:\.0){0,2}(?:-0)?)?|\^\s*v?([0-9.]+)|v?(\d+)(?:\.x){0,2})$`)

// clauses splits a range into its alternatives, newest first. It returns nil for a range that uses
// other forms than plainClause, because describing such a range in words could be wrong.
func clauses(engines string) []clause {
	var all []clause
	for alternative := range strings.SplitSeq(engines, "||") {
		parts := plainClause.FindStringSubmatch(strings.TrimSpace(alternative))
		if parts == nil {
			return nil
		}
		from, err := semver.NewVersion(strings.Trim(cmp.Or(parts[1], parts[3], parts[4]), "."))
		if err != nil {
			return nil
		}
		c := clause{from: from}
		if parts[1] == "" {
			c.below = from.Major() + 1
		} else if parts[2] != "" {
			c.below, _ = strconv.ParseUint(parts[2], 10, 32)
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b clause) int { return b.from.Compare(a.from) })
	return all
}

func (c clause) String() string {
	from := strings.TrimSuffix(strings.TrimSuffix(c.from.String(), ".0"), ".0")
	switch {
	case c.below == 0:
		return from + " or newer"
	case c.below > c.from.Major()+1:
		return fmt.Sprintf("%s or newer up to %d.x", from, c.below-1)
	case c.from.Minor() == 0 && c.from.Patch() == 0:
		return from + ".x"
	}
	return fmt.Sprintf("%s or newer %d.x", from, c.from.Major())
}

// rangeWords describes a range in words: ">=24.16.0 <25 || >=26.1.0" becomes
// "26.1 or newer, or 24.16 or newer 24.x". A range that clauses cannot split is returned unchanged.
func rangeWords(engines string) string {
	var words []string
	for _, c := range clauses(engines) {
		words = append(words, c.String())
	}
	if len(words) == 0 {
		return engines
	}
	return strings.Join(words, ", or ")
}

// tooOld reports whether version is older than every version in the range. A version between two
// alternatives, or above all of them, is not too old but unsupported.
func tooOld(engines, version string) bool {
	v, err := semver.NewVersion(version)
	all := clauses(engines)
	return err == nil && len(all) > 0 && v.LessThan(all[len(all)-1].from)
}
