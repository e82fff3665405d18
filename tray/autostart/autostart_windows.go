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

// approvedKey is the key in which the Task Manager stores what the user has switched off.
const approvedKey = `Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run`

func (l Login) write() error {
	key, _, err := registry.CreateKey(registry.CURRENT_USER, runKey, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	if err := key.SetStringValue(l.name(), windows.ComposeCommandLine(l.words())); err != nil {
		return err
	}
	return l.forget(approvedKey)
}

func (l Login) remove() error { return l.forget(runKey) }

// forget deletes our value under a key, if it is there.
func (l Login) forget(path string) error {
	key, err := registry.OpenKey(registry.CURRENT_USER, path, registry.SET_VALUE)
	if err == nil {
		defer key.Close()
		err = key.DeleteValue(l.name())
	}
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	return err
}

// read returns the command of the entry; empty when there is none.
func (l Login) read() (string, error) {
	key, err := registry.OpenKey(registry.CURRENT_USER, runKey, registry.QUERY_VALUE)
	if err != nil {
		if errors.Is(err, registry.ErrNotExist) {
			return "", nil
		}
		return "", err
	}
	defer key.Close()
	s, _, err := key.GetStringValue(l.name())
	if errors.Is(err, registry.ErrNotExist) {
		return "", nil
	}
	return s, err
}

// starts returns the first word of the command.
func (l Login) starts() (string, error) {
	s, err := l.read()
	if err != nil || s == "" {
		return "", err
	}
	words, err := windows.DecomposeCommandLine(s)
	if err != nil || len(words) == 0 {
		return "", nil
	}
	return words[0], nil
}

func (l Login) enabled() (bool, error) {
	s, err := l.read()
	return s != "" && !l.switchedOff(), err
}

// switchedOff reads what the Task Manager has stored: an odd first byte means off.
func (l Login) switchedOff() bool {
	key, err := registry.OpenKey(registry.CURRENT_USER, approvedKey, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer key.Close()
	b, _, err := key.GetBinaryValue(l.name())
	return err == nil && len(b) > 0 && b[0]&1 == 1
}

// tasksKey is the key in which the task scheduler stores its tasks, one key each. Every
// user may list it, unlike the folder with the files of the tasks.
const tasksKey = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree`

// service looks for OpenClaw's entry in the task scheduler and in the Startup folder.
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
