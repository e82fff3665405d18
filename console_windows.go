package main

import (
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/sys/windows"

	"clawtray/supervisor"
)

// Started with a double click, from the Start menu or at login, cobra would say
// "This is a command line tool" and end. This is a program for the desktop.
func init() { cobra.MousetrapHelpText = "" }

// init gives the commands their console back: the program is linked as a
// windowed one, so that it opens none at login, and such a program starts without
// standard output even in a terminal.
func init() {
	if len(os.Args) == 3 && os.Args[1] == supervisor.CtrlCCommand {
		pid, err := strconv.Atoi(os.Args[2])
		if err != nil || supervisor.SendCtrlC(pid) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if _, err := os.Stdout.Stat(); err == nil {
		showColours(windows.Handle(os.Stdout.Fd()))
		return // redirected, or a console already
	}
	const parent = ^uint32(0) // ATTACH_PARENT_PROCESS
	attach := windows.NewLazySystemDLL("kernel32.dll").NewProc("AttachConsole")
	if ok, _, _ := attach.Call(uintptr(parent)); ok == 0 {
		return // started from the desktop
	}
	if out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0); err == nil {
		os.Stdout, os.Stderr = out, out
		showColours(windows.Handle(out.Fd()))
	}
}

// showColours makes an old console understand colours; a file is none.
func showColours(console windows.Handle) {
	var mode uint32
	if windows.GetConsoleMode(console, &mode) == nil {
		_ = windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	}
}
