package supervisor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestXW8_ExitTexts: last lines with exit code 78 or 1. Some were captured from gateways or
// are texts in the package of OpenClaw 2026.9.6; those of Node.js and SQLite have the usual
// words of such errors. Each line must lead to its own cause with a next step. Only what
// OpenClaw itself calls invalid may lead to doctor (BEHAVIOUR Q5).
func TestXW8_ExitTexts(t *testing.T) {
	for line, want := range map[string]CauseCode{
		"Error: ENOSPC: System limit for number of file watchers reached, watch '/home/u/.openclaw/openclaw.json'":                                                     FileWatchers,
		"Error: EMFILE: too many open files, watch '/home/u/.openclaw/openclaw.json'":                                                                                  FileWatchers,
		"Error: EMFILE: too many open files, open '/home/u/.openclaw/state/openclaw.sqlite'":                                                                           TooManyFiles,
		"Error: ENFILE: file table overflow, open '/home/u/.openclaw/x'":                                                                                               TooManyFiles,
		"Error: ENOSPC: no space left on device, write":                                                                                                                DiskFull,
		"Error: EDQUOT: disk quota exceeded, write":                                                                                                                    DiskFull,
		"SqliteError: database or disk is full":                                                                                                                        DiskFull,
		"Error: EROFS: read-only file system, open '/home/u/.openclaw/x'":                                                                                              StateDirUnusable,
		"Error: ENOTDIR: not a directory, mkdir '/home/u/.openclaw/tmp'":                                                                                               StateDirUnusable,
		"Error: EACCES: permission denied, open '/tmp/openclaw/plugin-cache/index.json'":                                                                               NoPermission,
		"Error: EPERM: operation not permitted, unlink '/home/u/.openclaw/x'":                                                                                          NoPermission,
		"Error: listen EACCES: permission denied 127.0.0.1:80":                                                                                                         BindFailed,
		"Error: listen EADDRNOTAVAIL: address not available 100.64.0.7:18789":                                                                                          BindFailed,
		"Refusing to bind gateway to lan without auth.":                                                                                                                BindFailed,
		"another gateway instance is already listening on ws://127.0.0.1:18789 | listen EADDRINUSE: address already in use":                                            PortConflict,
		"OpenClaw startup migrations are already running for this state directory; retry after the other OpenClaw process finishes or after 2026-11-26T10:51:57.000Z.": Migrating,
		"Doctor stopped because a state migration refused to continue. state migration refused":                                                                        MigrationRefused,
		"OpenClaw state database /home/u/.openclaw/state/openclaw.sqlite uses newer schema version 41; this build supports 38.":                                        Downgrade,
		"OpenClaw agent database uses schema 41; this build supports 38":                                                                                               Downgrade,
		"SQLite integrity check timed out after 30000 ms":                                                                                                              StateBusy,
		"the Gateway state database was busy (SQLite: database is locked). Retry; if it repeats, check Gateway storage health.":                                        StateBusy,
		"SqliteError: database disk image is malformed":                                                                                                                StateDamaged,
		"SQLite integrity check failed: row 4 missing from index":                                                                                                      StateDamaged,
		"SqliteError: file is not a database":                                                                                                                          StateDamaged,
		"SecretRefResolutionError: Secret reference \"exec:vault:token\" could not be resolved":                                                                        SecretUnresolved,
		"Missing env var \"MY_TOKEN\" referenced at config path: gateway.auth.token":                                                                                   SecretUnresolved,
		"gateway auth mode is trusted-proxy, but a shared token is also configured; remove gateway.auth.token / OPENCLAW_GATEWAY_TOKEN because trusted-proxy and token auth are mutually exclusive": ProxyAuth,
		"Gateway start blocked: existing config is missing gateway.mode.":                                ConfigClobbered,
		"Gateway start blocked: set gateway.mode=local (current: remote) or pass --allow-unconfigured.":  ConfigClobbered,
		"Missing config. Run `openclaw setup` or set gateway.mode=local (or pass --allow-unconfigured).": ConfigLost,
		"Error: Cannot find module '/opt/openclaw/dist/entry.js'":                                        PackageBroken,
		"Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'ws' imported from /opt/openclaw/dist/x.mjs":  PackageBroken,
		"Error: The module '/opt/openclaw/x.node'\nwas compiled against a different Node.js version using\nNODE_MODULE_VERSION 115. This version of Node.js requires\nNODE_MODULE_VERSION 137. Please try re-compiling or re-installing\nthe module (for instance, using `npm rebuild` or `npm install`).\n  code: 'ERR_DLOPEN_FAILED'\n}": PackageBroken,
		"Error: /opt/openclaw/x.node: cannot read file data\n  code: 'ERR_DLOPEN_FAILED'\n}": PackageBroken,
		"node: --expose-gc is not allowed in NODE_OPTIONS":                                   BadNodeOptions,
		"/usr/bin/node: bad option: --no-such-option":                                        BadNodeOptions,
		"Error: error:05800074:x509 certificate routines::key values mismatch":               CertificateBad,
		"Config invalid at /home/u/.openclaw/openclaw.json":                                  ConfigInvalid,
		"  - gateway: Unrecognized key: \"bogus\"":                                           ConfigInvalid,
	} {
		for _, code := range []int{1, exitConfig} {
			c := startFailure(Exit{Code: code}, []string{"2026-11-22T01:43:14.265+00:00 " + line}, line)
			if c.Code != want {
				t.Errorf("%q: %q, want %q", line, c.Code, want)
			}
			if !strings.Contains(c.Sentence(), strings.TrimSpace(line)[:20]) {
				t.Errorf("%q: the sentence %q does not say what it was about", line, c.Sentence())
			}
			if c.Remedy() == "" && !slices.Contains([]CauseCode{Migrating, StateBusy}, c.Code) { // clawtray retries these by itself
				t.Errorf("%q: nothing is said to do", line)
			}
		}
		d, _ := Decide(DefaultPolicy(), History{}, Outcome{Cause: Cause{Code: want}}, longAgo, 0)
		if (d.Verdict == RepairFirst) != (want == ConfigInvalid) {
			t.Errorf("%q: %v", line, d.Verdict)
		}
	}
}

// TestQ5_RealTexts: complete outputs of real gateways that could not start. OpenClaw
// 2026.9.6 and 2026.6.11 wrote them on a machine where exactly that was wrong; only the
// paths were shortened. The first line of each file is the expected result.
func TestQ5_RealTexts(t *testing.T) {
	files, err := filepath.Glob("testdata/exits/*.txt")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, text, _ := strings.Cut(string(raw), "\n")
			want, how, _ := strings.Cut(head, ", ")
			exit := Exit{Signal: how}
			if code, is := strings.CutPrefix(how, "exit code "); is {
				exit.Signal = ""
				if exit.Code, err = strconv.Atoi(code); err != nil {
					t.Fatal(err)
				}
			}
			out := NewOutput(func(s string) string { return s })
			for line := range strings.Lines(text) {
				out.Add(Line{Text: strings.TrimSuffix(line, "\n"), Stderr: true})
			}
			c := startFailure(exit, out.LastErrors(), out.Last())
			t.Log(c.Error())
			if string(c.Code) != want {
				t.Errorf("%q, want %q", c.Code, want)
			}
			if c.Detail == "" || strings.Contains(c.Detail+c.LastLine, "triage") || c.Sentence() == fill(causes[c.Code].sentence, "") {
				t.Errorf("it does not say what it is about: %q, the last line is %q", c.Sentence(), c.LastLine)
			}
		})
	}
}

// TestQ5_WatchersThatAreLacking are no reason for an end: real gateways of 2026.6.11 and 2026.9.6
// write this on a machine without inotify watches or instances, poll instead, and get ready.
func TestQ5_WatchersThatAreLacking(t *testing.T) {
	lines := []string{
		"2026-11-26T17:53:11.105+00:00 [reload] config watcher error; re-creating watcher (attempt 1/3 in 500ms): Error: ENOSPC: System limit for number of file watchers reached, watch '/home/u/.openclaw/openclaw.json'",
		"2026-11-26T17:49:51.135+00:00 [reload] config watcher error; re-creating watcher (attempt 3/3 in 5000ms): Error: EMFILE: too many open files, watch '/home/u/.openclaw/openclaw.json'",
		"2026-11-26T17:53:21.561+00:00 [reload] config watcher native retries exhausted; degrading to polling mode: Error: ENOSPC: System limit for number of file watchers reached, watch '/home/u/.openclaw/openclaw.json'",
	}
	if c := startFailure(Exit{Code: 1}, lines, ""); c.Code != StartExit {
		t.Errorf("nothing else is wrong: %q", c.Code)
	}
	if c := startFailure(Exit{Code: 1}, append(lines, "Refusing to bind gateway to lan without auth."), ""); c.Code != BindFailed {
		t.Errorf("something else is wrong: %q", c.Code)
	}
}

// TestXW10_TheReasonOfDoctor: the text is only doctor's reason, without boxes, advice and a
// second full stop.
func TestXW10_TheReasonOfDoctor(t *testing.T) {
	for output, want := range map[string]string{
		"┌  OpenClaw doctor\n│\n◇  Doctor warnings ───╮\n│ - WARNING: something old   │\n├───╯\n│  gateway.port: Invalid input: expected number, received string.\n└  Doctor complete.\n": "gateway.port: Invalid input: expected number, received string",
		"WARNING: the state folder is large\nConfig invalid\n- gateway: Unrecognized key: \"bogus\"\nRun: openclaw doctor --fix\n":                                                        "gateway: Unrecognized key: \"bogus\"",
		"\x1b[31mError: openclaw.json could not be parsed; refused\x1b[0m\nDocs: https://docs.openclaw.ai\n":                                                                              "Error: openclaw.json could not be parsed; refused",
		"": "",
		"╭────╮\n╰────╯\n": "",
	} {
		if got := doctorsReason(output); got != want {
			t.Errorf("%q: %q, want %q", output, got, want)
		}
	}
}
