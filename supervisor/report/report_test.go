package report

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"clawtray/rpc/redact"
	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/settings"
)

// full returns the sources of a user who has a secret in every possible place. The redactor
// knows those secrets that it cannot recognise by their form.
func full(t *testing.T) Sources {
	t.Helper()
	dir := t.TempDir()
	d := Sources{
		Dirs:           settings.Dirs{Config: filepath.Join(dir, "config"), State: filepath.Join(dir, "state")},
		OpenClawConfig: filepath.Join(dir, "openclaw.json"),
		Redact:         redact.New("canary-settings", "canary-openclaw", "canary-kept", "canary-device"),
		Report: func(context.Context) (supervisor.Report, error) {
			return supervisor.Report{
				Status: supervisor.Status{State: supervisor.Failed, Cause: supervisor.Cause{Code: supervisor.StartExit, LastLine: "with canary-kept"},
					Incidents: []supervisor.Incident{{ID: 1, Cause: supervisor.Cause{Code: supervisor.Exited, Detail: "canary-settings"}}}},
				Diagnostics: supervisor.Diagnostics{Output: []string{`{"apiKey":"canary-output"}`, "Bearer canary-bearer", "canary-device"},
					Transitions: []supervisor.Transition{{To: supervisor.Failed}}},
			}, nil
		},
		Summary: func(s supervisor.Status) string { return "the state is " + string(s.State) },
		Doctor: func(context.Context) ([]byte, error) {
			return []byte("token: canary-openclaw"), errors.New("canary-settings")
		},
	}
	for path, text := range map[string]string{
		d.Dirs.File():         "token = 'canary-settings'",
		d.Dirs.Log():          "a line\nlevel=INFO msg=x password=canary-log canary-settings\n",
		d.Dirs.DeviceTokens(): `{"a": "canary-device"}`,
		d.Dirs.Identity():     "-----BEGIN PRIVATE KEY-----\ncanary-identity\n-----END PRIVATE KEY-----",
		d.OpenClawConfig:      `{gateway: {auth: {token: "canary-openclaw"}}, skills: ["canary-skill"]}`,
		filepath.Join(d.Dirs.State, "gateway-token"): "canary-kept\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// members returns the files in a report.
func members(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range r.File {
		m, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(m)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(text)
	}
	return all
}

func TestK3_ReportHoldsNoSecret(t *testing.T) {
	d := full(t)
	path, err := d.Save(t.Context(), filepath.Join(t.TempDir(), "report.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := members(t, raw)
	for name, want := range map[string]string{
		"about.txt": "the state is error", "status.json": `"transitions": [`, "doctor.txt": "[redacted]",
		"clawtray.log": "a line", "clawtray.toml": "token = '[redacted]'", "openclaw.json": `"skills": [`,
	} {
		if !strings.Contains(got[name], want) {
			t.Errorf("%s lacks %q:\n%s", name, want, got[name])
		}
	}
	for name, text := range got {
		if strings.Contains(text, "canary") {
			t.Errorf("%s holds a secret:\n%s", name, text)
		}
	}
	if _, err := d.Save(t.Context(), path); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file that exists: %v", err)
	}
}

// L5: there is always a report, and it says what is missing or broken.
func TestL5_ReportWithoutAnything(t *testing.T) {
	d := Sources{Dirs: settings.Dirs{Config: t.TempDir(), State: t.TempDir()}, OpenClawConfig: "/nonexistent", Redact: redact.New(),
		Report: func(context.Context) (supervisor.Report, error) { return supervisor.Report{}, control.ErrNotRunning }}
	if err := os.WriteFile(d.Dirs.File(), []byte("token = 'canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := d.write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	got := members(t, out.Bytes())
	for name, want := range map[string]string{
		"about.txt": "clawtray is not running", "status.json": "clawtray is not running", "clawtray.log": "no log yet",
		"clawtray.toml": "clawtray.toml", "openclaw.json": "/nonexistent",
	} {
		if !strings.Contains(got[name], want) || strings.Contains(got[name], "canary") {
			t.Errorf("%s: %q", name, got[name])
		}
	}
	if _, ok := got["doctor.txt"]; ok {
		t.Error("a doctor that was not asked has a page")
	}
}
