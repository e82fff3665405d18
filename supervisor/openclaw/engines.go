package openclaw

import (
	"cmp"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// accepts says whether a package's engines.node range admits a Node version ("v24.21.0").
// An empty range admits all. A range nobody can read admits none: better to say so than to start
// a Gateway that cannot work.
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

// newerFirst orders versions for sorting, unreadable ones last.
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

// rangeWords says a range as people read it: ">=24.16.0 <25 || >=26.1.0" is "24.16+ or 26.1+".
// An upper bound only repeats what "24" says already, so it is left out.
func rangeWords(engines string) string {
	var words []string
	for alternative := range strings.SplitSeq(engines, "||") {
		lower, ok := strings.CutPrefix(strings.TrimSpace(alternative), ">=")
		if !ok {
			return engines
		}
		fields := strings.Fields(lower)
		if len(fields) == 0 {
			return engines
		}
		words = append(words, strings.TrimSuffix(fields[0], ".0")+"+")
	}
	return strings.Join(words, " or ")
}
