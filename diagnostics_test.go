package main

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

	"clawtray/supervisor"
	"clawtray/supervisor/control"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
)

// full is the diagnostics of a user with a secret wherever one may be.
func full(t *testing.T) diagnostics {
	t.Helper()
	dir := t.TempDir()
	d := diagnostics{
		dirs:  settings.Dirs{Config: filepath.Join(dir, "config"), State: filepath.Join(dir, "state")},
		paths: openclaw.Paths{ConfigPath: filepath.Join(dir, "openclaw.json")},
		env:   []string{"OPENCLAW_GATEWAY_TOKEN=canary-environment"},
		report: func(context.Context) (supervisor.Report, error) {
			return supervisor.Report{
				Status: supervisor.Status{State: supervisor.Failed, Cause: supervisor.Cause{Code: supervisor.StartExit, LastLine: "with canary-kept"},
					Incidents: []supervisor.Incident{{ID: 1, Cause: supervisor.Cause{Code: supervisor.Exited, Detail: "canary-settings"}}}},
				Diagnostics: supervisor.Diagnostics{Output: []string{`{"apiKey":"canary-output"}`, "Bearer canary-bearer", "canary-device"},
					Transitions: []supervisor.Transition{{To: supervisor.Failed}}},
			}, nil
		},
		doctor: func(context.Context) ([]byte, error) {
			return []byte("token: canary-openclaw"), errors.New("canary-settings")
		},
	}
	for path, text := range map[string]string{
		d.dirs.File():         "token = 'canary-settings'",
		d.dirs.Log():          "a line\nlevel=INFO msg=x password=canary-log canary-settings\n",
		d.dirs.DeviceTokens(): `{"a": "canary-device"}`,
		d.dirs.Identity():     "-----BEGIN PRIVATE KEY-----\ncanary-identity\n-----END PRIVATE KEY-----",
		d.paths.ConfigPath:    `{gateway: {auth: {token: "canary-openclaw"}}, skills: ["canary-skill"]}`,
		filepath.Join(d.dirs.State, "gateway-token"): "canary-kept\n",
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

// members reads a report.
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
	path, err := d.save(t.Context(), filepath.Join(t.TempDir(), "report.zip"))
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
		"about.txt": "needs your help", "status.json": `"transitions": [`, "doctor.txt": "[redacted]",
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
	if _, err := d.save(t.Context(), path); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file that exists: %v", err)
	}
}

// Whatever is missing or broken, there is a report that says so.
func TestL5_ReportWithoutAnything(t *testing.T) {
	d := diagnostics{dirs: settings.Dirs{Config: t.TempDir(), State: t.TempDir()}, paths: openclaw.Paths{ConfigPath: "/nonexistent"},
		report: func(context.Context) (supervisor.Report, error) { return supervisor.Report{}, control.ErrNotRunning }}
	if err := os.WriteFile(d.dirs.File(), []byte("token = 'canary"), 0o600); err != nil {
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
