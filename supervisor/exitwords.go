package supervisor

import (
	"regexp"
	"strings"
)

// exitWords maps words in the last lines of a gateway that ended before it was ready to a
// cause. The first row that matches counts. The words decide, and the exit code is only the
// fallback, because exit code 78 has many reasons (measured: configuration, another owner,
// a full disk, a downgrade) and old versions use 1 for all of them.
var exitWords = []struct {
	words string
	code  CauseCode
	about string // words of another line that explains the cause better; that line is shown
}{
	// Another process has the state directory or the port.
	{"owns gateway-lifecycle", StateDirOwned, ""},
	{"already owns this state directory", StateDirOwned, ""},
	{"gateway already running (pid", StateDirOwned, ""},
	{"EADDRNOTAVAIL", BindFailed, ""},
	{"EADDRINUSE", PortConflict, ""},
	{"another gateway instance is already listening", PortConflict, ""},

	// The state and its migrations.
	{"startup migrations are already running", Migrating, ""},
	{"migration lock", MigrationLock, ""},
	{"requires a newer OpenClaw", Downgrade, ""},
	{"newer than this binary", Downgrade, ""},
	{"uses newer schema version", Downgrade, ""},
	{"this build supports", Downgrade, ""},
	{"lastTouchedVersion", Downgrade, ""},
	{"older than the config last written", Downgrade, ""},
	{"integrity check timed out", StateBusy, ""},
	{"state lease heartbeat did not become ready", StateBusy, ""}, // on a machine too busy to begin a thread in 5 s
	{"database is locked", StateBusy, ""},
	{"SQLITE_BUSY", StateBusy, ""},
	{"integrity check", StateDamaged, ""},
	{"database disk image is malformed", StateDamaged, ""},
	{"SQLITE_CORRUPT", StateDamaged, ""},
	{"file is not a database", StateDamaged, ""},
	{"disk I/O error", DiskError, ""}, // SQLite says this of a full quota, too

	// What the system has no more of, or does not allow.
	{"number of file watchers", FileWatchers, ""},    // says ENOSPC, and no disk is full
	{"too many open files, watch", FileWatchers, ""}, // says EMFILE, and means max_user_instances
	{"EMFILE", TooManyFiles, ""},
	{"child.send is not a function", SpawnFailed, ""}, // a worker could not be started because file descriptors were lacking
	{"ENFILE", TooManyFiles, ""},
	{"too many open files", TooManyFiles, ""},
	{"ENOSPC", DiskFull, ""},
	{"no space left", DiskFull, ""},
	{"database or disk is full", DiskFull, ""},
	{"SQLITE_FULL", DiskFull, ""},
	{"EDQUOT", DiskFull, ""},
	{"EROFS", StateDirUnusable, ""},
	{"read-only file system", StateDirUnusable, ""},
	{"ENOTDIR", StateDirUnusable, ""},
	{"listen EACCES", BindFailed, ""},
	{"EACCES", NoPermission, ""},
	{"EPERM", NoPermission, ""},

	// Node and the package.
	{"node:sqlite is unavailable", NodeTooOld, ""},
	{"Unsupported Node", NodeTooOld, ""},
	{"requires Node", NodeTooOld, ""},
	{"is not allowed in NODE_OPTIONS", BadNodeOptions, ""},
	{"bad option:", BadNodeOptions, ""},
	{"internal/preload", BadNodeOptions, "Cannot find module"}, // the module of --require is missing
	{"missing dist/entry", PackageBroken, ""},
	{"was compiled against a different Node.js version", PackageBroken, "The module '"},
	{"ERR_DLOPEN_FAILED", PackageBroken, ".node: "},
	{"MODULE_NOT_FOUND", PackageBroken, ""},
	{"Cannot find module", PackageBroken, ""},
	{"Cannot find package", PackageBroken, ""},

	// Secrets, certificates and addresses of the configuration.
	{"SecretRefResolutionError", SecretUnresolved, ""},
	{"SecretProviderResolutionError", SecretUnresolved, ""},
	{"MissingEnvVarError", SecretUnresolved, ""},
	{"Missing env var", SecretUnresolved, ""},
	{"required secrets are unavailable", SecretUnresolved, "cold gateway:ingress-auth"},
	{"are both configured, but gateway.auth.mode is unset", ConfigConflict, ""},
	{"mutually exclusive", ProxyAuth, ""},
	{"key values mismatch", CertificateBad, ""},
	{"PEM routines", CertificateBad, ""},
	{"gateway tls: ", CertificateBad, ""},
	{"refusing fallback", BindFailed, ""},
	{"Refusing to bind gateway", BindFailed, ""},

	// The configuration itself. ConfigInvalid, which lets doctor repair the file, is only
	// for what OpenClaw calls invalid.
	{"missing gateway.mode", ConfigClobbered, ""},
	{"Missing config", ConfigLost, ""},
	{"set gateway.mode=local", ConfigClobbered, ""},
	{"Failed to read include file", ConfigBroken, ""},
	{"Config invalid", ConfigInvalid, ""},
	{"Invalid config", ConfigInvalid, ": Invalid input"},
	{"Unrecognized key", ConfigInvalid, ""},
	{"Gateway start blocked", StartRefused, ""},

	// Gateways print these for every state that cannot be used. They come last, because any
	// other words say more.
	{"database is not open", StateBusy, ""},
	{"state migration refused", MigrationRefused, ""},
	{"requires state migration", MigrationRefused, ""},
	{"startup migrations did not complete", MigrationRefused, ""},
}

var (
	// goesOn is trouble that a gateway copes with: it polls where it cannot watch (measured,
	// 2026.6.11 and 2026.9.6).
	goesOn = regexp.MustCompile(`config watcher error; re-creating watcher|degrading to polling mode`)
	// frame matches the boxes that doctor draws around its text.
	frame = regexp.MustCompile(`[\x{2500}-\x{259f}\x{25a0}-\x{25ff}│◇◆●○■]+`)
	// asides matches lines of doctor that do not say why a configuration stays rejected.
	asides = regexp.MustCompile(`(?i)^(warning\b|warn\b|note\b|tip\b|hint\b|run[: ]|docs?[: ]|https?://|doctor( complete| warnings| changes)?\.?$|openclaw doctor$|update$|config( warnings)?$|backup[: ])`)
)

// doctorsReason returns the last line in which doctor says what is wrong, without boxes,
// warnings and advice (XW10).
func doctorsReason(output string) string {
	var reason, problem string
	for line := range strings.Lines(ansi.ReplaceAllString(output, "")) {
		line = strings.TrimSpace(withoutTime(frame.ReplaceAllString(line, " ")))
		line = strings.TrimRight(strings.TrimLeft(line, "-*•· "), " .;:")
		if line == "" || asides.MatchString(line) || noise.MatchString(line) {
			continue
		}
		reason = line
		if troubled.MatchString(line) || strings.Contains(line, "Unrecognized key") {
			problem = line
		}
	}
	if problem != "" {
		reason = problem
	}
	return short(strings.Join(strings.Fields(reason), " "))
}
