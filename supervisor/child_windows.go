package supervisor

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// sysProcAttr gives the child a hidden console: without one every command an
// agent runs would open a window (PAINS P16).
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NEW_CONSOLE}
}

// CtrlCCommand is the hidden command that sends Ctrl-C to the console of the
// process whose pid follows. A process can be attached to one console only, so
// a second process has to do it.
const CtrlCCommand = "__ctrl-c"

// terminate sends Ctrl-C to the child's console; Node hears it as SIGINT, which
// the gateway takes like SIGTERM.
func terminate(pid int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, CtrlCCommand, strconv.Itoa(pid))
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW}
	return cmd.Run()
}

var (
	kernel32                 = windows.NewLazySystemDLL("kernel32.dll")
	attachConsole            = kernel32.NewProc("AttachConsole")
	freeConsole              = kernel32.NewProc("FreeConsole")
	setConsoleCtrlHandler    = kernel32.NewProc("SetConsoleCtrlHandler")
	generateConsoleCtrlEvent = kernel32.NewProc("GenerateConsoleCtrlEvent")
)

// SendCtrlC does the work of CtrlCCommand.
func SendCtrlC(pid int) error {
	freeConsole.Call()
	if ok, _, err := attachConsole.Call(uintptr(pid)); ok == 0 {
		return err
	}
	setConsoleCtrlHandler.Call(0, 1) // not for us
	if ok, _, err := generateConsoleCtrlEvent.Call(windows.CTRL_C_EVENT, 0); ok == 0 {
		return err
	}
	return nil
}

// guard is a Job Object: closing its last handle, also by our death, ends every
// process in it (BEHAVIOUR M3).
type guard struct{ job windows.Handle }

func newGuard(p *os.Process) guard {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return guard{}
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE}}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err == nil {
		var h windows.Handle
		if h, err = windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(p.Pid)); err == nil {
			err = windows.AssignProcessToJobObject(job, h)
			windows.CloseHandle(h)
		}
	}
	if err != nil {
		windows.CloseHandle(job)
		return guard{}
	}
	return guard{job}
}

func (g guard) kill(pid int) error {
	if g.job != 0 {
		return windows.TerminateJobObject(g.job, 1)
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return nil
	}
	return p.Kill()
}

func (g guard) close() {
	if g.job != 0 {
		windows.CloseHandle(g.job)
	}
}

// exitOf reads how a process ended.
func exitOf(s *os.ProcessState) Exit { return Exit{Code: s.ExitCode()} }
