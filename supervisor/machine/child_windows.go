package machine

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// sysProcAttr gives the child a hidden console. Without one, every command that an agent
// runs would open a window.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NEW_CONSOLE}
}

// CtrlCCommand is a hidden command of clawtray, followed by a pid. It calls SendCtrlC in a
// process of its own, because a process can be attached to one console only.
const CtrlCCommand = "__ctrl-c"

// terminate sends Ctrl-C to the child's console. Node receives it as SIGINT, which the
// gateway treats like SIGTERM.
func (c *child) terminate(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, CtrlCCommand, strconv.Itoa(c.pid))
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

// SendCtrlC sends Ctrl-C to the console of the process with this pid. The calling process
// leaves its own console.
func SendCtrlC(pid int) error {
	freeConsole.Call()
	if ok, _, err := attachConsole.Call(uintptr(pid)); ok == 0 {
		return err
	}
	setConsoleCtrlHandler.Call(0, 1) // this process ignores the Ctrl-C
	if ok, _, err := generateConsoleCtrlEvent.Call(windows.CTRL_C_EVENT, 0); ok == 0 {
		return err
	}
	return nil
}

// guard is a Job Object. When its last handle is closed, also because we die, the system
// ends every process in it.
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
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))); err != nil { // #nosec G103 -- the system reads the structure
		return err
	}
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	return windows.AssignProcessToJobObject(job, h)
}

// kill ends all processes in the job, or only the leader when there is no job.
func (g guard) kill(leader *os.Process) error {
	if g.job != 0 {
		return windows.TerminateJobObject(g.job, 1)
	}
	return sendSignal(leader, os.Kill)
}

// members lists the processes in the job. No process can leave a job, whatever its
// environment and its parent are.
func (g guard) members() ([]processInfo, error) {
	if g.job == 0 {
		return nil, nil
	}
	const most = 4096 // processes; a job may have more, but the gateway of one person does not
	var list struct {
		assigned, listed uint32
		pids             [most]uintptr
	}
	err := windows.QueryInformationJobObject(g.job, windows.JobObjectBasicProcessIdList, uintptr(unsafe.Pointer(&list)), uint32(unsafe.Sizeof(list)), nil) // #nosec G103 -- the system fills the structure
	switch {
	case errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED): // on wine; there the processes are found by their environment
		return nil, nil
	case err != nil && !errors.Is(err, windows.ERROR_MORE_DATA):
		return nil, err
	}
	var found []processInfo
	for _, pid := range list.pids[:min(list.listed, most)] {
		info, err := inspect(int(pid))
		if err == nil && !info.ended {
			found = append(found, info)
		} else if err != nil && !errors.Is(err, errGone) {
			return found, err
		}
	}
	return found, nil
}

func (g guard) close() {
	if g.job != 0 {
		windows.CloseHandle(g.job)
	}
}

// exitOf is how a process ended.
func exitOf(s *os.ProcessState) Exit { return Exit{Code: s.ExitCode()} }

// tellsGrowth says whether the system tells of a file's growth while its writer holds it
// open. Windows tells only when the writer closes it.
const tellsGrowth = false
