package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"clawtray/rpc"
	"clawtray/supervisor"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
	"clawtray/tray"
)

// reportLogLines is how much of the log goes into a report: about a day of a
// quiet gateway, a few minutes of a noisy one.
const reportLogLines = 2000

// diagnostics writes the report that a user gives to whoever helps: what runs,
// how it is, what happened, how it is set up. Nothing secret is in it (BEHAVIOUR
// K3), and nothing is sent anywhere.
type diagnostics struct {
	dirs   settings.Dirs
	paths  openclaw.Paths
	env    []string
	report func(context.Context) (supervisor.Report, error)
	doctor func(context.Context) ([]byte, error) // nil: left out
}

// diagnosticsCommand saves a report also when no clawtray runs.
func diagnosticsCommand(f *flags) *cobra.Command {
	var output string
	c := &cobra.Command{Use: "diagnostics", Short: "Save a report for whoever helps you; it holds no secrets"}
	c.Flags().StringVarP(&output, "output", "o", "", "file to write (default a new one among your downloads)")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		d := newDiagnostics(f.profile, func(ctx context.Context) (supervisor.Report, error) {
			report, _, err := client(f).Report(ctx)
			return report, err
		})
		path, err := d.save(cmd.Context(), output)
		if err == nil {
			fmt.Fprintln(cmd.OutOrStdout(), path)
		}
		return err
	}
	return c
}

func newDiagnostics(profile string, report func(context.Context) (supervisor.Report, error)) diagnostics {
	doctor := func(ctx context.Context) ([]byte, error) {
		var text bytes.Buffer
		examine(ctx, profile).Text(&text, xdg.Home, false)
		return text.Bytes(), nil
	}
	return diagnostics{dirs: settings.Places(profile), paths: openclaw.PathsFrom(os.Environ(), xdg.Home), env: os.Environ(), report: report, doctor: doctor}
}

// save writes the report to a new file that only its user can read, and returns
// its path. An empty path means the folder for downloads.
func (d diagnostics) save(ctx context.Context, path string) (string, error) {
	if path == "" {
		path = filepath.Join(reportFolder(), time.Now().Format("clawtray-20060102-150405")+".zip")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	if err := errors.Join(d.write(ctx, f), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}

// reportFolder is where a person looks for a file that a program saved.
func reportFolder() string {
	for _, dir := range []string{xdg.UserDirs.Download, xdg.UserDirs.Documents} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return xdg.Home
}

// write makes the zip. A part that cannot be had says why in its place.
func (d diagnostics) write(ctx context.Context, w io.Writer) error {
	redact := d.redactor()
	report, reportErr := d.report(ctx)
	out := zip.NewWriter(w)
	for _, part := range []struct {
		name string
		make func() ([]byte, error)
	}{
		{"about.txt", func() ([]byte, error) { return about(report, reportErr), nil }},
		{"status.json", func() ([]byte, error) { return asJSON(report, reportErr, redact) }},
		{"doctor.txt", func() ([]byte, error) { return d.doctor(ctx) }},
		{"clawtray.log", d.log},
		{"clawtray.toml", d.settings},
		{"openclaw.json", func() ([]byte, error) { return openclaw.Outline(d.paths.ConfigPath) }},
	} {
		if part.name == "doctor.txt" && d.doctor == nil {
			continue
		}
		text, err := part.make()
		if err != nil {
			text = fmt.Appendf(text, "\n%v\n", err)
		}
		member, err := out.CreateHeader(&zip.FileHeader{Name: part.name, Method: zip.Deflate, Modified: time.Now()})
		if err != nil {
			return err
		}
		if _, err := io.WriteString(member, redact.String(string(text))); err != nil {
			return err
		}
	}
	return out.Close()
}

// redactor knows every secret that clawtray can know.
func (d diagnostics) redactor() *rpc.Redactor {
	redact := rpc.NewRedactor()
	set, _ := settings.Load(d.dirs.File()) // also a faulty file may hold the token
	redact.Add(set.Token)
	cfg, _ := openclaw.ReadConfig(d.paths.ConfigPath)
	redact.Add(cfg.Token)
	for _, v := range d.env {
		if token, ok := strings.CutPrefix(v, openclaw.TokenVar+"="); ok {
			redact.Add(token)
		}
	}
	if kept, err := os.ReadFile(filepath.Join(d.dirs.State, "gateway-token")); err == nil {
		redact.Add(string(kept))
	}
	var device map[string]string
	if kept, err := os.ReadFile(d.dirs.DeviceTokens()); err == nil && json.Unmarshal(kept, &device) == nil {
		for _, token := range device {
			redact.Add(token)
		}
	}
	return redact
}

// about is the first thing to read: versions, system, and how the gateway is.
func about(report supervisor.Report, err error) []byte {
	text := fmt.Appendf(nil, "clawtray %s (%s), %s/%s, %s\n%s\n", version, commit, runtime.GOOS, runtime.GOARCH, runtime.Version(), time.Now().Format(time.RFC3339))
	for _, name := range []string{"XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE", "LANG"} {
		text = fmt.Appendf(text, "%s=%s\n", name, cmp.Or(os.Getenv(name), "(not set)"))
	}
	if err != nil {
		return fmt.Appendf(text, "\n%v\n", err)
	}
	return fmt.Appendf(text, "\n%s", tray.Summarize(report.Status, tray.Settings{Language: "en"}, time.Now()))
}

// asJSON is the report with transitions, incidents and the gateway's last lines.
func asJSON(report supervisor.Report, err error, redact *rpc.Redactor) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(report)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = json.Indent(&out, redact.JSON(raw), "", "  ")
	return out.Bytes(), err
}

func (d diagnostics) log() ([]byte, error) {
	var out bytes.Buffer
	err := (&rotatedLog{path: d.dirs.Log()}).tail(reportLogLines, &out)
	return out.Bytes(), err
}

func (d diagnostics) settings() ([]byte, error) {
	set, err := settings.Load(d.dirs.File())
	if err != nil {
		return nil, err // and not the file: nobody can tell what in it is secret
	}
	return toml.Marshal(set)
}
