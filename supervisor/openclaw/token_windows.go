package openclaw

// private checks nothing on Windows: files in the user's profile inherit an access list for
// that user alone, and there are no mode bits.
func private(string) error { return nil }
