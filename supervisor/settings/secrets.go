package settings

import (
	"encoding/json"
	"os"

	"clawtray/rpc/redact"
	"clawtray/supervisor/machine"
	"clawtray/supervisor/openclaw"
)

// Redactor returns a redactor that knows the secrets on this machine before a gateway runs:
// those of the settings, of the environment from which the gateway's is made, of npm's
// settings below home, and the keys and tokens that clawtray stores. A gateway, or a
// program that its agents run, may print any of them.
func (d Dirs) Redactor(set Settings, env []string, home string) *redact.Redactor {
	r := redact.New(set.Token)
	r.AddEnv(env)
	r.Add(openclaw.NpmSecrets(env, home)...)
	for _, path := range []string{d.Identity(), machine.TokenFile(d.State)} {
		if text, err := os.ReadFile(path); err == nil {
			r.Add(string(text))
		}
	}
	var issued map[string]string
	if raw, err := os.ReadFile(d.DeviceTokens()); err == nil && json.Unmarshal(raw, &issued) == nil {
		for _, token := range issued {
			r.AddIssued(token)
		}
	}
	return r
}
