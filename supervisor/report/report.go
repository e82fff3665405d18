// Package report writes the zip file that a user gives to people who help. It says which
// programs run, their state, what has happened, and how they are configured. It contains no
// secrets (BEHAVIOUR K3) and is sent nowhere.
//
// [Sources] provide the parts, and [Sources.Save] writes the file. When a part cannot be
// created, the file contains the reason instead, and the other parts are not affected.
package report

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
	"time"

	"github.com/adrg/xdg"

	"clawtray/rpc/redact"
	"clawtray/supervisor"
	"clawtray/supervisor/journal"
	"clawtray/supervisor/openclaw"
	"clawtray/supervisor/settings"
)

// logLines is how many lines of the log a report contains. That is about a day of a quiet
// gateway, or a few minutes of a noisy one.
const logLines = 2000

// Sources provide the parts of a report.
type Sources struct {
	Version        string // of clawtray, as "clawtray 1.2.3 (abc)"
	Dirs           settings.Dirs
	OpenClawConfig string           // path of openclaw.json
	Redact         *redact.Redactor // knows every secret that a part may contain

	// Report returns the report of the running clawtray.
	Report func(context.Context) (supervisor.Report, error)
	// Summary returns the state of the gateway in words for people.
	Summary func(supervisor.Status) string
	// Doctor returns the output of clawtray doctor. It may be nil; then the part is left
	// out.
	Doctor func(context.Context) ([]byte, error)
}

// Save writes the report to a new file that only the user can read, and returns its path.
// When path is empty, it uses the folder for downloads.
func (s Sources) Save(ctx context.Context, path string) (string, error) {
	if path == "" {
		path = filepath.Join(folder(), time.Now().Format("clawtray-20060102-150405")+".zip")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	if err := errors.Join(s.write(ctx, f), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	return path, nil
}

// folder returns the folder where people look for files that programs have saved.
func folder() string {
	for _, dir := range []string{xdg.UserDirs.Download, xdg.UserDirs.Documents} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return xdg.Home
}

// write writes the zip file. When a part cannot be created, it writes the reason instead.
func (s Sources) write(ctx context.Context, w io.Writer) error {
	report, reportErr := s.Report(ctx)
	out := zip.NewWriter(w)
	for _, part := range []struct {
		name string
		make func() ([]byte, error)
	}{
		{"about.txt", func() ([]byte, error) { return s.about(report, reportErr), nil }},
		{"status.json", func() ([]byte, error) { return asJSON(report, reportErr, s.Redact) }},
		{"doctor.txt", func() ([]byte, error) { return s.Doctor(ctx) }},
		{"clawtray.log", s.log},
		{"clawtray.toml", s.settings},
		{"openclaw.json", func() ([]byte, error) { return openclaw.Outline(s.OpenClawConfig) }},
	} {
		if part.name == "doctor.txt" && s.Doctor == nil {
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
		if _, err := io.WriteString(member, s.Redact.String(string(text))); err != nil {
			return err
		}
	}
	return out.Close()
}

// about returns the part to read first: versions, system, and the state of the gateway.
func (s Sources) about(report supervisor.Report, err error) []byte {
	text := fmt.Appendf(nil, "%s, %s/%s, %s\n%s\n", s.Version, runtime.GOOS, runtime.GOARCH, runtime.Version(), time.Now().Format(time.RFC3339))
	for _, name := range []string{"XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE", "LANG"} {
		text = fmt.Appendf(text, "%s=%s\n", name, cmp.Or(os.Getenv(name), "(not set)"))
	}
	if err != nil {
		return fmt.Appendf(text, "\n%v\n", err)
	}
	return fmt.Appendf(text, "\n%s", s.Summary(report.Status))
}

// asJSON returns the report with transitions, incidents and the gateway's last lines.
func asJSON(report supervisor.Report, err error, redact *redact.Redactor) ([]byte, error) {
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

func (s Sources) log() ([]byte, error) {
	var out bytes.Buffer
	err := (&journal.Reader{Path: s.Dirs.Log()}).Tail(logLines, &out)
	return out.Bytes(), err
}

func (s Sources) settings() ([]byte, error) {
	set, err := settings.Load(s.Dirs.File())
	if err != nil {
		return nil, err // leave the file out, because we cannot tell which parts of it are secrets
	}
	return set.Text()
}
