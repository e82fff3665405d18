//go:build !linux

package machine

// startBranded calls start. This system has no property that children inherit and that
// another process can read, so processes are recognised by their environment alone.

func startBranded(runID string, since int64, start func() (pid int, err error)) (mark, error) {
	_, err := start()
	return unbranded(runID, since), err
}

// on reports whether a process has the mark.
func (m mark) on(p processInfo) (bool, error) {
	if p.start < m.from {
		return false, nil
	}
	return m.environment(p.pid)
}
