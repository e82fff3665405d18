package tray

import (
	"clawtray/supervisor"
	"clawtray/supervisor/requests"
)

var english = texts{
	mark: markTexts{Colon: ": ", Stop: ".", Comma: ", "},
	state: stateTexts{
		Running: "Running for %s", Degraded: "Running, with problems for %s", Stopped: "Stopped %s ago",
		Failed: "Not running: needs your help (%s ago)", Reconnecting: "Reconnecting", Starting: "Starting",
		Attempt: "attempt %d of %d", NextTry: "next try in %s",
		Gateway: "OpenClaw Gateway", DegradedNow: "Running with problems", SignedOut: "Running, but clawtray cannot sign in", Unusable: "Running, but clawtray cannot use it",
	},
	phase: phaseTexts{
		ForStop: "Stopping", ForRestart: "Restarting", ForQuit: "Quitting", Killed: "Ending by force",
		DrainingWork: "waiting for %d running tasks", Installing: "fetching %s", InstallPercent: "fetching %s, %d%%",
		InstallItems: "fetching %s, %d files so far", DrainingOne: "waiting for 1 running task",
		by: map[supervisor.Phase]string{
			supervisor.Resolving: "looking for Node.js and OpenClaw",
			supervisor.Upgrading: "waiting for npm to finish replacing OpenClaw",
			supervisor.Repairing: "OpenClaw repairs its configuration", supervisor.SettingUp: "OpenClaw writes its first configuration",
			supervisor.AwaitingConfig: "waiting until OpenClaw's configuration is written", supervisor.Spawned: "its process has started",
			supervisor.Listening: "its port is open", supervisor.Challenged: "the gateway answers", supervisor.Sidecars: "loading its channels",
			supervisor.Draining: "waiting for running work", supervisor.Terminating: "the gateway was asked to end",
			supervisor.Killing: "ending it by force",
		},
	},
	detail: detailTexts{
		SlowStart: "This takes longer than usual.", LastLine: "Last line: %s", About: "OpenClaw %s, port %d",
		Attached: "Another program runs it; clawtray only watches it.", UpdateReady: "OpenClaw %s is installed: restart to use it.",
		AttachedService: "OpenClaw's own service runs it; clawtray only watches it.",
		Service:         "OpenClaw's own service is installed, too.", InTerminal: "In a terminal: %s", Port: "Port %d",
		Repaired: "OpenClaw's doctor changed your configuration", Gone: "removed %s", Changed: "changed %s",
		Kept: "Your last good configuration, of %s, is kept.",
	},
	span: spanTexts{
		Second: "%d s", Minute: "%d min", Hour: "%d h", Day: "%d d", LessThanMinute: "less than a minute",
		IncidentOpen: "%s, going on: %s", IncidentOver: "%s, for %s: %s", IncidentTime: "2 Jan 15:04",
	},
	entry: map[ID]entryWords{
		"requests":      {Title: "Requests for you", Off: "Requests for you (none)"},
		"allow-request": {Title: "Allow once"},
		"deny-request":  {Title: "Deny"},
		"show-request":  {Title: "Show it whole"},
		"show-requests": {Title: "Show all of them"},
		"channels":      {Title: "Channels", Off: "Channels (none)"},
		OpenDashboard:   {Title: "Open Dashboard", Off: "Open Dashboard (not running)"},
		RetryNow:        {Title: "Retry now", Short: "Try again at once, and forget earlier failures"},

		Help:            {Title: "Nothing needs you"},
		InstallOpenClaw: {Title: "Install OpenClaw"},
		UsePort:         {Title: "Use free port %d"},
		ChoosePort:      {Title: "Choose another port"},
		ApproveDevice:   {Title: "Copy the command that approves this device"},
		TakeOverGateway: {Title: "Start our own gateway"},

		LastGood:      {Title: "Start with the last good configuration"},
		SafeStart:     {Title: "Start without channels and plugins"},
		RestoreConfig: {Title: "Restore my configuration"},

		StartStop:      {Title: "Start"},
		RestartGateway: {Title: "Restart", Off: "Restart (stopping)"},
		ReloadConfig:   {Title: "Reload configuration", Off: "Reload configuration (not running)", Short: "Make the gateway use its configuration on disk"},
		"more":         {Title: "More actions"},
		"restart-idle": {Title: "Restart when idle"},
		"restart-now":  {Title: "Restart now, without waiting"},
		"quit-idle":    {Title: "Quit when idle"},
		"quit-now":     {Title: "Quit now, without waiting"},

		Incidents:       {Title: "Recent incidents", Off: "Recent incidents (none)"},
		History:         {Title: "Recent notifications", Off: "Recent notifications (none)"},
		"notifications": {Title: "Notifications"},
		ShowAll:         {Title: "All"},
		ShowProblems:    {Title: "Problems only"},
		ShowNone:        {Title: "None"},
		StartAtLogin:    {Title: "Start at login"},

		"settings":        {Title: "Settings"},
		"open-settings":   {Title: "Open settings"},
		OpenClawConfig:    {Title: "Open OpenClaw's configuration"},
		"language":        {Title: "Language"},
		"language-system": {Title: "The system's"},
		"language-en":     {Title: "English"},
		"language-zh":     {Title: "中文"},

		"diagnostics":   {Title: "Logs and diagnostics"},
		ViewLogs:        {Title: "View logs"},
		CopyDiagnostics: {Title: "Copy diagnostics"},
		SaveReport:      {Title: "Save diagnostics report", Done: "Report saved: %s"},
		"about":         {Title: "About clawtray"},

		QuitEntry: {Title: "Quit and stop the gateway"},
	},
	run: runTexts{
		Start: "Start", Stop: "Stop", StopAttached: "Ask the gateway to stop", StopNow: "Stop now, without waiting",
		StopKill: "Stop now, by force", RestartAttached: "Ask the gateway to restart", RestartNow: "Restart now, without waiting",
		RestartOff: "Restart (not running)",
		QuitKeeps:  "Quit (the gateway keeps running)", QuitNow: "Quit now, without waiting", QuitKill: "Quit now, by force", QuitStopped: "Quit",
	},
	about: aboutTexts{Licence: "Free software under the MIT licence", Settings: "Settings", Config: "OpenClaw's configuration", Log: "Log"},
	answer: answerTexts{
		Requested: "%s: requested", Opening: "Opening %s", Copied: "Diagnostics copied",
		CopiedCommand: "Copied, run it in a terminal: %s", NoClipboard: "No clipboard found: opened as a file",
		Failing: "%s failed: %s", Dashboard: "Dashboard", NoBrowser: "No browser opened: %s", AddressCopied: "No browser opened; copied: %s",
	},
	toast: toastTexts{
		TroubleTitle: "OpenClaw Gateway has trouble", PersonTitle: "OpenClaw Gateway needs your help",
		BackTitle: "OpenClaw Gateway is back", BackBody: "It was away for %s.", NoHostTitle: "clawtray runs without an icon",
		NoHostBody: "Add a system tray (status notifier) to your panel.", NoHostElse: "Without an icon, use the command clawtray status.",
		ExtensionOff: "Run gnome-extensions enable %s, then log out and in.",
		noHost: map[string]string{
			"gnome":    "Install the extension AppIndicator and KStatusNotifierItem Support (package gnome-shell-extension-appindicator), then log out and in.",
			"budgie":   "Add the applet System Tray to the panel in Budgie Desktop Settings.",
			"cinnamon": "Install and start xapp-sn-watcher (package xapps-common or xapp), then log out and in.",
			"kde":      "Add the widget System Tray to a Plasma panel.",
			"xfce":     "Add the item Status Tray Plugin to the Xfce panel.",
			"mate":     "Add the item Notification Area to the MATE panel.",
			"lxqt":     "Add the widget Status Notifier Plugin to the LXQt panel.",
			"i3":       "Start snixembed with i3: i3bar shows icons of this kind only with its help.",
			"bar":      "Add the module tray to your bar (Waybar has one).",
		},
	},
	ask: englishAsk, doing: englishDoing,
	page: pageTexts{
		Language: "en", Used: "This link does not work any more. Choose Open Dashboard in clawtray again.",
		NoScript: "The dashboard needs JavaScript, which is off for this page.",
	},
	choose: map[supervisor.CauseCode]string{
		supervisor.NodeMissing: "Choose Install OpenClaw in the menu.", supervisor.NodeTooOld: "Choose Install OpenClaw in the menu.",
		supervisor.OpenClawMissing: "Choose Install OpenClaw in the menu.", supervisor.RuntimeBroken: "Choose Install OpenClaw in the menu.", supervisor.PackageBroken: "Choose Install OpenClaw in the menu.",
		supervisor.InstallFailed: "Choose Install OpenClaw again.", supervisor.Downgrade: "Choose Install OpenClaw to update it.",
		supervisor.ConfigInvalid: "Choose Open OpenClaw's configuration, correct it, then choose Retry now.",
		supervisor.StartTimeout:  "Choose View logs to see why, then Retry now.", supervisor.KeepsCrashing: "Choose View logs to see why, then Retry now.",
		supervisor.GaveUp: "Choose View logs to see why, then Retry now.", supervisor.SignatureRefused: "Choose View logs to see why, then Retry now.",
		supervisor.ConnectRefused:  "Choose View logs to see why, then Retry now.",
		supervisor.PairingRequired: "Approve it on a paired device, or choose Copy the command that approves this device.",
		supervisor.PairingThere:    "Choose Copy the command that approves this device, and run it on that machine.",
		supervisor.AttachedGone:    "Wait for its owner to bring it back, or choose Start our own gateway.",
		supervisor.Internal:        "Please report it: choose Save diagnostics report.",
	},
}

var englishAsk = askTexts{
	Allow: "Allow once", Deny: "Deny", Approve: "Approve", Reject: "Reject", Details: "Details",
	One: "1 request waits for your answer", Many: "%d requests wait for your answer", None: "No request waits for your answer.",
	OneMore: "1 more waits.", More: "%d more wait.", Where: "Answer in the menu, or with clawtray approvals.", Nothing: "Nothing was answered", Expires: "expires in %s", Answer: "Answer: clawtray approvals allow %s (or deny)",
	Cut:      "Too long for a notification: this is not all of it. Choose Details to read it whole.",
	OnlyDeny: "It can only be denied.", Missing: "No request begins with %s.", Several: "More than one request begins with %s; type more of its id.",
	Named: "Type the id of a request; clawtray approvals lists them.", Changed: "This request is not here any more. Nothing was answered.",
	question: map[requests.Kind]string{
		requests.Exec: "OpenClaw wants to run a command", requests.Plugin: "A plugin of OpenClaw asks before it acts",
		requests.Device: "A device wants to connect to OpenClaw", requests.Node: "A device offers commands to OpenClaw",
		requests.Channel: "Somebody wants to talk to OpenClaw",
	},
	fact: map[requests.FactName]string{
		requests.Warning: "Warning", requests.Folder: "Folder", requests.Program: "Program", requests.Variables: "Sets variables", requests.Machine: "Runs on",
		requests.Tool: "Tool", requests.FromWho: "Plugin", requests.Agent: "Agent", requests.Session: "Session", requests.Via: "Channel",
		requests.DeviceID: "Device", requests.Platform: "System", requests.Address: "Address", requests.Rights: "Rights", requests.Commands: "Commands",
		requests.Sender: "Sender",
	},
	result: map[requests.Result]string{
		requests.Allowed: "Allowed, this once.", requests.Denied: "Denied.",
		requests.Gone: "Too late: it has expired or was answered elsewhere. Nothing was answered.",
	},
	let: map[requests.Result]string{requests.Allowed: "Approved.", requests.Denied: "Rejected."},
}

var englishDoing = doingTexts{
	OneSession: "1 conversation", Sessions: "%d conversations", OneTask: "1 task", Tasks: "%d tasks", Works: "It works on %s.", And: " and ",
	Other: "Work waits in its queue.", Account: "%s (%s)", Start: "Start %s",
	state: map[supervisor.ChannelState]string{
		supervisor.ChannelConnected: "connected", supervisor.ChannelRunning: "running", supervisor.ChannelConnecting: "not connected",
		supervisor.ChannelBroken: "does not run", supervisor.ChannelOff: "off",
	},
}
