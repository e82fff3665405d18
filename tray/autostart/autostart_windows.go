package autostart

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

const runKey = `Software\Microsoft\Windows\CurrentVersion\Run`

// approvedKey is where the Task Manager notes what the user switched off there.
const approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`

func write(l Login) error {
	key, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	if err := key.SetStringValue(name, command(l)); err != nil {
		return err
	}
	return forget(approvedKey)
}

func command(l Login) string {
	return windows.ComposeCommandLine(append([]string{l.Program}, l.Args...))
}

func remove() error { return forget(runKey) }

// forget deletes our value under a key, if it is there.
func forget(path string) error {
	key, err := registry.OpenKey(registry.CURRENT_USER, path, registry.SET_VALUE)
	if err == nil {
		defer key.Close()
		err = key.DeleteValue(name)
	}
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	return err
}

// read returns the command of the entry, empty when there is none.
func read() (string, error) {
	key, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if err != nil {
		if errors.Is(err, registry.ErrNotExist) {
			return "", nil
		}
		return "", err
	}
	defer key.Close()
	s, _, err := key.GetStringValue(name)
	if errors.Is(err, registry.ErrNotExist) {
		return "", nil
	}
	return s, err
}

func current(l Login) (bool, error) {
	s, err := read()
	return s == command(l), err
}

func enabled() (bool, error) {
	s, err := read()
	return s != "" && !switchedOff(), err
}

// switchedOff reads the Task Manager's note: an odd first byte means off.
func switchedOff() bool {
	key, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer key.Close()
	b, _, err := key.GetBinaryValue(name)
	return err == nil && len(b) > 0 && b[0]&1 == 1
}

// tasksKey is where the task scheduler notes its tasks, one key each. Unlike the
// folder with their files, every user may list it.
const tasksKey = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree`

// service looks where the task scheduler and the Startup folder keep OpenClaw's entry.
func service() string {
	if key, err := registry.OpenKey(registry.LOCAL_MACHINE, tasksKey, registry.ENUMERATE_SUB_KEYS); err == nil {
		defer key.Close()
		names, _ := key.ReadSubKeyNames(-1)
		for _, task := range names {
			if strings.HasPrefix(task, "OpenClaw Gateway") {
				return "the task " + task
			}
		}
	}
	for _, pattern := range []string{
		filepath.Join(os.Getenv("SystemRoot"), "System32", "Tasks", "OpenClaw Gateway*"),
		filepath.Join(os.Getenv("APPDATA"), "Microsoft", "Windows", "Start Menu", "Programs", "Startup", "OpenClaw Gateway*"),
	} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}
