package openclaw

import "strconv"

// Command returns "openclaw ARGS" as the user would run it, with this Node and its PATH,
// and with the variables that connect it to the Gateway of e (BEHAVIOUR O7). The rest of
// the environment is the user's own.
func (r Runtime) Command(env []string, e Effective, args []string) Command {
	env = with(r.own(env), "PATH", r.path(env))
	c := e.Child()
	env = Child{Set: c.Set}.environ(env)
	if source := e.Listen.Port.Source; source == SourceCommandLine || source == SourceSettings {
		env = with(env, "OPENCLAW_GATEWAY_PORT", strconv.Itoa(e.Listen.Port.Value))
	}
	return Command{Path: r.Node, Args: append([]string{r.Entry}, args...), Env: env}
}

// own returns env without the variables that are clawtray's and not the user's.
func (r Runtime) own(env []string) []string {
	return without(env, func(key string) bool { return key == RunIDVar || key == "APPDIR" || key == "ARGV0" || key == "OWD" })
}
