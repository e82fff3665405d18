package machine

// awaitEnd waits until a process that is not our child has ended. The process's handle also
// tells the exit code. The error says that we cannot wait for it.
func (c *child) awaitEnd() (Exit, error) {
	state, err := c.leader.Wait()
	if err != nil {
		return unknownExit, err
	}
	return exitOf(state), nil
}
