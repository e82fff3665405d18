package supervisor

import "slices"

// redact removes secrets from every text in s that was written by somebody else: an answer
// of the gateway, an error of the system, a line of output. All such text passes here
// before people see it (BEHAVIOUR K3).
func (s *Status) redact(clean func(string) string) {
	s.Cause = s.Cause.redacted(clean)
	s.LastLine, s.Error = clean(s.LastLine), clean(s.Error)
	s.Repaired = s.Repaired.redacted(clean)
	unclean := func(r Reason) bool { return clean(r.Detail) != r.Detail || clean(r.Text) != r.Text }
	if !slices.ContainsFunc(s.Health.Reasons, unclean) {
		return
	}
	s.Health.Reasons = slices.Clone(s.Health.Reasons) // observers share the old slice
	for i := range s.Health.Reasons {
		r := &s.Health.Reasons[i]
		r.Detail, r.Text = clean(r.Detail), clean(r.Text)
	}
}

// redacted returns r, or a copy of r without its secrets.
func (r *Repaired) redacted(clean func(string) string) *Repaired {
	if r == nil || !slices.ContainsFunc(slices.Concat(r.Gone, r.Changed), func(key string) bool { return clean(key) != key }) {
		return r
	}
	hidden := Repaired{At: r.At}
	for _, key := range r.Gone {
		hidden.Gone = append(hidden.Gone, clean(key))
	}
	for _, key := range r.Changed {
		hidden.Changed = append(hidden.Changed, clean(key))
	}
	return &hidden
}

func (c Cause) redacted(clean func(string) string) Cause {
	c.Detail, c.LastLine, c.Tried = clean(c.Detail), clean(c.LastLine), clean(c.Tried)
	return c
}
