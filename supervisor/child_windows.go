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
func (c *child) terminate() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, CtrlCCommand, strconv.Itoa(c.pid))
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

func newGuard(p *os.Process) (guard, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return guard{}, err
	}
	if err := tie(job, p.Pid); err != nil {
		windows.CloseHandle(job)
		return guard{}, err
	}
	return guard{job}, nil
}

func tie(job windows.Handle, pid int) error {
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE}}
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))); err != nil {
		return err
	}
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	return windows.AssignProcessToJobObject(job, h)
}

// kill ends everything in the job; without one, the process itself.
func (g guard) kill(pid int) error {
	if g.job != 0 {
		return windows.TerminateJobObject(g.job, 1)
	}
	return sendTo(pid, os.Kill, func() bool { return true })
}

func (g guard) close() {
	if g.job != 0 {
		windows.CloseHandle(g.job)
	}
}

// exitOf reads how a process ended.
func exitOf(s *os.ProcessState) Exit { return Exit{Code: s.ExitCode()} }

// tellsGrowth: Windows tells of a file's growth when it is closed, not while its
// writer holds it open.
const tellsGrowth = false
