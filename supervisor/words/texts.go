package words

// Help are the words around those of a command, in its help.
type Help struct {
	Usage, Examples, Commands, Flags, GlobalFlags, More, ExitStatus string
	Command, Flag, Arguments                                        string // what stands for one
	OfCommand                                                       string // of the flag --help
}

// Command is what the help says about a command.
type Command struct {
	Short string
	Long  string // empty: Short
	Flags map[string]string
}

// Exit is what an exit code means. A command for which it means something more exact has
// words of its own under its name; empty ones say that the command never ends so.
type Exit struct {
	Means   string
	Exactly map[string]string
}

// Said are the answers of commands.
type Said struct {
	Ended, AlreadyRunning, NothingToRestore string

	LoginOn, LoginOff, Checkout, Service string

	HereAlready, Installed, Complete, Tested, NewestUnknown, NewestToGet, Newest string
	RunsFromIt, Removed, Starting, RestartForIt, Megabytes, Files                string

	NotThere, FromDefault, FromLine, Mistaken string

	Attempt, Active, Until, Slow string // of status --watch
}

// Wrong are mistakes on the command line, and why a command did nothing.
type Wrong struct {
	TakesNothing, NoCommand, DidYouMean, ListsThem, Or             string
	NeedsValue, CannotBe, NoFlag, TrueOrFalse, WholeNumber         string
	Exclude, And, FromOn, FromTo, APort, Lines, OneID, InstallOnce string
	Unwell, Output, RunsAlready, OtherPort, CannotBeGiven          string
}

// Doctor are the findings of doctor, and the words around them.
type Doctor struct {
	OK, Warning, Problem                                 string // levels
	OneProblem, Problems, OneWarning, Warnings           string
	NoProblem, AllWell                                   string
	Silent, SilentRemedy                                 string
	Settings, State, Log, Runtime                        string // folders and files
	Mistakes, MistakesRemedy, NoFile, Sets, Nothing      string
	Correct, CorrectIn                                   string
	NotRunning, EndIt, Running, LookAtLog, WaitForIt     string
	Because                                              string // a reason, or where something comes from
	PortFree, PortNobody, LookAgain, PortOfUser          string
	OtherPort, PortTaken, QuitOrOther, PortSilent        string
	WaitRestarts, PortGateway, StartTakesOver            string
	PortAttached, PortOtherPID, PortOurs, PortConfigured string
	RunUnreadable, RunAside, RunNothing, RunOurs         string
	RunAlive, RunTakeOver, RunGone                       string
	Install, Pair, Tools, ToolsMissing, ToolsRemedy      string
	OpenPath, OpenPathRemedy                             string
	TokenMade, TokenNone, TokenAuth, TokenOver           string
	TokenOverRemedy                                      string
	ConfigNone, ConfigRemote, ConfigLocal, ConfigTunnel  string
	RowOver                                              string
	SecretOpen, SecretRemedy, NoSecrets, SecretsClosed   string
	NotWritable, NotWritableRemedy, DiskFull, FreeSpace  string
	DiskLow, FreeSpaceSoon, CacheOpen, CacheRemedy       string
	Writable, NotAFolder                                 string

	LoginUnreadable, LoginRemedy, LoginOff, LoginOther, LoginOtherRemedy, LoginOn string
	NoService, Service                                                            string
}

// Desktop is what doctor finds about a desktop.
type Desktop struct {
	NoBus, NoBusRemedy, Answers, Unnamed                string
	BusSilent, LogInAgain, NoIcons, TraySilent          string
	RestartPanel, NoPanel, Icons                        string
	NotifiesOnDemand, NoNotifications, InstallDaemon    string
	NotificationsSilent, RestartServer, NotificationsBy string
	NoSystemBus, Sleep, NoLogind                        string
}
