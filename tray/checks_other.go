//go:build !linux

package tray

import "clawtray/supervisor/doctor"

// Checks has nothing to look at: the tray is part of these systems.
func Checks(string) []doctor.Check { return nil }
