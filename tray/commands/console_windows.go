package commands

import (
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/sys/windows"

	"clawtray/supervisor/machine"
)

// By default, cobra ends a program that was started by a double click, with the text "This
// is a command line tool". clawtray is a program for the desktop, so switch that off.
func init() { cobra.MousetrapHelpText = "" }

// init connects the commands to the console of the terminal. The program is linked as a
// program with windows, so that it opens no console at login. Windows gives such a program
// no standard output, even in a terminal.
func init() {
	if len(os.Args) == 3 && os.Args[1] == machine.CtrlCCommand {
		pid, err := strconv.Atoi(os.Args[2])
		if err != nil || machine.SendCtrlC(pid) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if _, err := os.Stdout.Stat(); err == nil {
		showColours(windows.Handle(os.Stdout.Fd()))
		return // the output is redirected or is a console already
	}
	const parent = ^uint32(0) // ATTACH_PARENT_PROCESS
	attach := windows.NewLazySystemDLL("kernel32.dll").NewProc("AttachConsole")
	if ok, _, _ := attach.Call(uintptr(parent)); ok == 0 {
		return // there is no terminal: the program was started from the desktop
	}
	if out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0); err == nil {
		os.Stdout, os.Stderr = out, out
		showColours(windows.Handle(out.Fd()))
	}
}

// showColours lets an old console understand colours. It changes nothing when the output is
// a file.
func showColours(console windows.Handle) {
	var mode uint32
	if windows.GetConsoleMode(console, &mode) == nil {
		_ = windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	}
}
