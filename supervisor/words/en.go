package words

// English are the words for everybody whose language we do not have.
var English = Texts{
	Language: "en", Colon: ": ", Space: " ",
	Help: Help{
		Usage: "Usage:", Examples: "Examples:", Commands: "Available Commands:", Flags: "Flags:", GlobalFlags: "Global Flags:",
		More: "Use \"%s [command] --help\" for more information about a command.", ExitStatus: "Exit status:",
		Command: "command", Flag: "flags", Arguments: "arguments", OfCommand: "help for %s",
	},
	Command: map[string]Command{
		"": {
			Short: "Keep the OpenClaw Gateway running, and see how it is",
			Long:  "clawtray keeps the OpenClaw Gateway running and shows it in the system tray.\nWithout a command it starts; a second one says that the first is running.",
			Flags: map[string]string{
				"profile": "OpenClaw's profile of this name, with settings and state of its own", "lang": "language of all texts, en or zh (default the system's)",
				"headless": "show no icon", "port": "port of the gateway (default from the settings, else from OpenClaw's configuration)",
				"debug": "log more", "trace-rpc": "log every frame, without secrets", "version": "print the version",
				"show": "if clawtray runs already, open its dashboard, or show how it is in a notification",
			},
		},
		"approvals": {
			Short: "Show what waits for your answer, whole, and answer it",
			Long: "Show what waits for your answer: commands and plugins that ask before they act, and devices, nodes and senders that want in.\n" +
				"An answer counts once. Nothing is ever allowed for good here.",
			Flags: map[string]string{"json": "print the requests as JSON"},
		},
		"approvals allow": {Short: "Allow one request, this once", Flags: map[string]string{"json": "print what became of it as JSON"}},
		"approvals deny":  {Short: "Deny one request", Flags: map[string]string{"json": "print what became of it as JSON"}},

		"autostart":        {Short: "Start clawtray at login, or not"},
		"autostart on":     {Short: "Start clawtray at login"},
		"autostart off":    {Short: "Do not start clawtray at login"},
		"autostart status": {Short: "Say whether clawtray starts at login"},

		"completion": {
			Short: "Print what makes a shell complete clawtray's commands",
			Long:  "Print the script that makes a shell complete clawtray's commands. The help of each command below says how to use it.",
		},
		"completion bash": {
			Short: "Print the completion script for bash",
			Long: "Print the script that makes bash complete clawtray's commands. It needs the package bash-completion.\n\nTo load it in this shell:\n\n\tsource <(clawtray completion bash)\n\n" +
				"To load it in every new one:\n\n\tclawtray completion bash > ~/.local/share/bash-completion/completions/clawtray",
			Flags: map[string]string{"no-descriptions": "complete without descriptions"},
		},
		"completion zsh": {
			Short: "Print the completion script for zsh",
			Long: "Print the script that makes zsh complete clawtray's commands, whose completion has to be on: \"autoload -U compinit; compinit\" in ~/.zshrc.\n\n" +
				"To load it in this shell:\n\n\tsource <(clawtray completion zsh)\n\nTo load it in every new one:\n\n\tclawtray completion zsh > \"${fpath[1]}/_clawtray\"",
			Flags: map[string]string{"no-descriptions": "complete without descriptions"},
		},
		"completion fish": {
			Short: "Print the completion script for fish",
			Long: "Print the script that makes fish complete clawtray's commands.\n\nTo load it in this shell:\n\n\tclawtray completion fish | source\n\n" +
				"To load it in every new one:\n\n\tclawtray completion fish > ~/.config/fish/completions/clawtray.fish",
			Flags: map[string]string{"no-descriptions": "complete without descriptions"},
		},
		"completion powershell": {
			Short: "Print the completion script for powershell",
			Long: "Print the script that makes powershell complete clawtray's commands.\n\nTo load it in this shell:\n\n\tclawtray completion powershell | Out-String | Invoke-Expression\n\n" +
				"To load it in every new one, add the output of that command to your profile.",
			Flags: map[string]string{"no-descriptions": "complete without descriptions"},
		},

		"config": {
			Short: "Show clawtray's settings, where they come from, and the mistakes in them",
			Flags: map[string]string{"default": "print a settings file with every setting, its default and what it is for", "path": "print the path of the settings file"},
		},
		"diagnostics": {
			Short: "Save a report for whoever helps you; it holds no secrets",
			Flags: map[string]string{"output": "file to write (default a new one among your downloads)"},
		},
		"doctor": {Short: "Look at everything clawtray depends on, and say what to do", Flags: map[string]string{"json": "print it as JSON"}},
		"help":   {Short: "Help about any command"},
		"install": {
			Short: "Fetch Node and OpenClaw into your data directory",
			Long: "Fetch Node and OpenClaw from the npm registry you have configured into your data\n" +
				"directory. Nothing else on the machine is touched, and neither Node nor npm is needed.\n\n" +
				"Without a version you get the one that this clawtray was tested with, and every package\n" +
				"of it must have the hash that this clawtray knows. For another version, also by --update,\n" +
				"the registry says the hashes; so it must be reached by https. No package runs a script.",
			Flags: map[string]string{
				"data-dir": "where to (default your data directory)", "node": "version of Node (default %s, or what OpenClaw needs)",
				"openclaw": "version of OpenClaw (default %s, or the one installed if it is newer)", "if-missing": "do nothing if a suitable Node and OpenClaw are found",
				"check":  "install nothing: say what is installed, whether it is whole, and what is newer",
				"update": "install the newest OpenClaw, and the Node it needs; the old one stays until the new one works",
				"remove": "remove what was installed here, and nothing else",
			},
		},
		"logs": {
			Short: "Print the log of clawtray and its gateway",
			Flags: map[string]string{"follow": "go on with what is written from now on, until interrupted", "lines": "how many of the last lines (default %s)"},
		},
		"open": {Short: "Open the dashboard in your browser, signed in"},
		"openclaw": {
			Short: "Run a command of the OpenClaw that clawtray uses",
			Long: "Run OpenClaw itself with the Node, PATH, profile and state of the gateway that clawtray keeps.\n" +
				"--profile chooses the profile of both; all other arguments are OpenClaw's.",
		},
		"quit":    {Short: "End clawtray, and the gateway that it has started", Flags: map[string]string{"now": "do not wait for active work", "when-idle": "wait for active work as long as it takes"}},
		"restart": {Short: "Restart the gateway", Flags: map[string]string{"now": "do not wait for active work", "when-idle": "wait for active work as long as it takes"}},
		"restore": {
			Short: "Put back the configuration that OpenClaw's doctor changed",
			Long: "Put back OpenClaw's configuration as it was before its doctor changed it. What is there now is\n" +
				"kept beside it, as openclaw.json.replaced-TIME. A gateway that runs reads the file as after every change.",
		},
		"start": {
			Short: "Start the gateway",
			Flags: map[string]string{"last-good": "first put the configuration in place that a gateway accepted last", "safe": "without channels and plugins, until the next restart"},
		},
		"status":  {Short: "Say how the gateway is", Flags: map[string]string{"json": "print the full report as JSON", "watch": "print every change until interrupted"}},
		"stop":    {Short: "Stop the gateway", Flags: map[string]string{"now": "do not wait for active work"}},
		"version": {Short: "Print the version"},
	},
	Exit: map[int]Exit{
		0: {Means: "done", Exactly: map[string]string{
			"allow": "the gateway has the answer", "deny": "the gateway has the answer",
			"clawtray": "clawtray ended because somebody asked for it, or another one runs already",
			"config":   "the settings have no mistakes", "doctor": "nothing needs you",
			"restore": "the configuration is what it was before OpenClaw's doctor",
			"logs":    "the lines were printed, or --follow was interrupted",
			"status":  "the status was printed, whatever it is, or --watch was interrupted",
		}},
		1: {Means: "failed; the reason is on standard error", Exactly: map[string]string{
			"allow":    "nothing was answered: it has expired, was answered elsewhere, or cannot be reached; standard error says which",
			"deny":     "nothing was answered: it has expired, was answered elsewhere, or cannot be reached; standard error says which",
			"clawtray": "clawtray could not begin, ended with an error, or runs already with another port",
			"config":   "the settings have mistakes; for a wrong value the default is used",
			"doctor":   "something needs you; the output says what and how",
			"install":  "failed; with --check: nothing is installed, or it is not complete",
			"status":   "clawtray is not running, or does not answer",
		}},
		2:   {Means: "the command line is wrong"},
		130: {Means: "interrupted before it was done", Exactly: map[string]string{"clawtray": ""}},
	},
	Said: Said{
		Ended: "clawtray has ended.", AlreadyRunning: "clawtray is running already; `clawtray status` says how the gateway is.",
		NothingToRestore: "there is nothing to put back: OpenClaw's doctor has changed nothing that is different now",
		LoginOn:          "clawtray starts at login.", LoginOff: "clawtray does not start at login.",
		Checkout: "It will start %s, which \"make clean\" deletes. \"make install\" puts clawtray into ~/.local, to stay there.",
		Service:  "OpenClaw's own service is installed (%s); clawtray leaves it alone and attaches to its gateway.",

		HereAlready: "OpenClaw %s (%s) and Node %s (%s) are here already.", Installed: "OpenClaw %s with Node %s is installed.",
		Complete:      "Installed  OpenClaw %s with Node %s, complete: %d files, %d MB\n           %s",
		Tested:        "Tested     OpenClaw %s with Node %s, by this clawtray",
		NewestUnknown: "Newest     not known: %s", NewestToGet: "Newest     OpenClaw %s; \"clawtray install --update\" gets it", Newest: "Newest     OpenClaw %s",
		RunsFromIt: "the gateway (process %d) runs from it. Stop it first, with \"clawtray stop\"",
		Removed:    "No managed runtime is installed any more. OpenClaw's settings and data are untouched.", Starting: "Starting the gateway …",
		RestartForIt: "The gateway runs OpenClaw %s; \"clawtray restart\" restarts it with what is installed.",
		Megabytes:    "%d of %d MB", Files: "%d files",

		NotThere: " (not there)", FromDefault: "default", FromLine: "line %d",
		Mistaken: "the settings have mistakes; for a wrong value the default is used\n%s",

		Attempt: "; next try at %s, attempt %d of %d", Active: "; %d still active", Until: "; until %s at the latest", Slow: "; slower than usual: %s",
	},
	Wrong: Wrong{
		TakesNothing: "%s takes no arguments, so %q is too much", NoCommand: "there is no command %q; ", DidYouMean: "did you mean %s?",
		ListsThem: "`%s` lists what there is", Or: " or ", NeedsValue: "%s needs a value", CannotBe: "--%s cannot be %q: %s", NoFlag: "%s has no flag %s; ",
		TrueOrFalse: "it is true or false", WholeNumber: "choose a whole number", Exclude: "choose one of %s: they exclude each other", And: " and ",
		FromOn: "%s is a whole number from %d on", FromTo: "%s is a number from %d to %d", APort: "a port", Lines: "the number of lines",
		OneID:       "type the id of one request, or its beginning; `clawtray approvals` lists them",
		InstallOnce: "choose one of --if-missing, --check, --update, --openclaw and --remove",
		Unwell:      "something needs you; see the remedies above", Output: "the output could not be written: %s",
		RunsAlready: "clawtray is running already, and %s; `clawtray quit` ends it, then start it again",
		OtherPort:   "its gateway has port %d, not %d", CannotBeGiven: "%s cannot be given to it any more",
	},
	Doctor: Doctor{ // #nosec G101 -- sentences about tokens, no tokens
		OK: "ok", Warning: "warning", Problem: "problem",
		OneProblem: "1 problem, ", Problems: "%d problems, ", OneWarning: "1 warning.", Warnings: "%d warnings.", NoProblem: "No problem, ", AllWell: "All is well.",
		Silent: "no answer within %v", SilentRemedy: "Try again; if it stays so, a disk, a program or the system behind it hangs.",
		Settings: "settings", State: "state", Log: "log", Runtime: "runtime",

		Mistakes: "the file has mistakes; for a wrong value the default is used", MistakesRemedy: "Correct %s; `clawtray config --default` shows how it can look.",
		NoFile: "no file, so all defaults", Sets: "%s sets %s", Nothing: "nothing", Correct: "Correct %s.", CorrectIn: "Correct it in %s.",

		NotRunning: "clawtray is not running", EndIt: "End that process and start clawtray again.", Running: "clawtray is running; the gateway: %s", Because: " (%s)",
		LookAtLog: "Look at the log, then `clawtray restart`.", WaitForIt: "Wait for it; `clawtray status --watch` shows how it goes.",

		PortFree: "%d is free", PortNobody: "nobody listens on %d, although the gateway runs", LookAgain: "Look again in a moment; `clawtray restart` if it stays so.",
		PortOfUser: "%d belongs to %s", OtherPort: "Choose another port, such as %d, in %s.", PortTaken: "%d is taken by %s, which does not answer as a gateway does",
		QuitOrOther: "Quit that program, or choose another port, such as %d, in %s.", PortSilent: "%d is our gateway's (%s), which does not answer",
		WaitRestarts: "Wait; clawtray restarts a gateway that hangs.", PortGateway: "a gateway listens on %d: %s",
		StartTakesOver: "Start clawtray: it takes over a gateway of its own and attaches to somebody else's.",
		PortAttached:   "%d is a gateway that somebody else runs (%s); clawtray is attached to it",
		PortOtherPID:   "the gateway on %d is %s, not process %d as clawtray says", PortOurs: "%d is our gateway's (%s)",
		PortConfigured: "%d is configured (%s), which the next start uses unless --port was given",

		RunUnreadable: "the run file cannot be read: %s", RunAside: "Nothing: the next start sets it aside.", RunNothing: "left nothing behind",
		RunOurs: "process %d is the gateway of the running clawtray", RunAlive: "its gateway (process %d) still runs, without a clawtray",
		RunTakeOver: "Start clawtray: it takes the gateway over with its work.", RunGone: "ended uncleanly; its gateway (process %d) is gone, and the next start clears up",

		Install: "Run `clawtray install`.", Pair: "OpenClaw %s (%s), Node %s (%s)", Tools: "what skills need is here", ToolsMissing: "missing: %s",
		ToolsRemedy: "Install it where the gateway's PATH finds it, if you use such skills.",
		OpenPath:    "every user can put programs into %s, which is in the gateway's PATH", OpenPathRemedy: "Take it out of your PATH, or run `chmod o-w %s`.",

		TokenMade: "made by clawtray, because nobody else has set one", TokenNone: "none yet; one is made at the first start", TokenAuth: "Correct gateway.auth in %s.",
		TokenOver: "another one is set in %s; it is ignored", TokenOverRemedy: "Remove the one that is ignored, so that nobody takes it for the right one.",

		ConfigNone: "not there; OpenClaw writes one at the first start (%s)", ConfigRemote: "%s is for a gateway elsewhere (gateway.mode is remote)",
		ConfigLocal: "Set gateway.mode to local to run one here.", ConfigTunnel: "Run `%s` to reach it, or set gateway.mode to local to run one here.",
		RowOver: "; not %s (%s)",

		SecretOpen: "%s is open to other users (mode %04o)", SecretRemedy: "Run `chmod %s %s`; replace the secrets in it if others may have read them.",
		NoSecrets: "none kept yet", SecretsClosed: "%d files and folders, all yours alone",

		NotWritable: "%s cannot be written: %s", NotWritableRemedy: "Correct what it is or who owns it: it has to be a folder that you may write.",
		DiskFull: "the disk of %s is full (%s left)", FreeSpace: "Free some space.", DiskLow: "the disk of %s is nearly full (%s left)", FreeSpaceSoon: "Free some space soon.",
		CacheOpen: "%s: Node keeps no compiled code there, and the gateway starts slowly", CacheRemedy: "Move it away; clawtray makes one of its own.",
		Writable: "writable, %s left", NotAFolder: "%s is not a folder",

		LoginUnreadable: "the entry cannot be read: %s", LoginRemedy: "Switch Start at login off and on again.", LoginOff: "off",
		LoginOther: "starts another clawtray at login: %s", LoginOtherRemedy: "To start this one at login, switch Start at login off and on again.", LoginOn: "on, starts %s",
		NoService: "none", Service: "%s; clawtray attaches to its gateway and leaves the service alone",
	},
	Desktop: Desktop{
		NoBus: "none, so neither icon nor notifications: %s", NoBusRemedy: "Run clawtray in a desktop session, or use `clawtray --headless` and the commands.",
		Answers: "answers", Unnamed: "an unnamed desktop", BusSilent: "the session bus does not answer: %s", LogInAgain: "Log out and in again.",
		NoIcons: "nothing shows tray icons on %s", TraySilent: "the tray of %s does not answer: %s", RestartPanel: "Restart the panel, or log out and in again.",
		NoPanel: "there is a watcher for tray icons on %s, but no panel that shows them", Icons: "icons are shown on %s",
		NotifiesOnDemand: "shown by a program that starts when there is one", NoNotifications: "nothing shows notifications",
		InstallDaemon:       "Install a notification daemon such as dunst, if you want to be told of trouble.",
		NotificationsSilent: "the notification server does not answer: %s", RestartServer: "Restart it, or log out and in again.", NotificationsBy: "shown by %s",
		NoSystemBus: "no system bus; sleep is noticed by the clock, within half a minute", Sleep: "tells of sleep and logout",
		NoLogind: "%s is not on the system bus; sleep is noticed by the clock, within half a minute",
	},
}
