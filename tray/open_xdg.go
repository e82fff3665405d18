//go:build unix && !darwin

package tray

// systemOpener opens files and pages. On most desktops it ends at once. Of its exit codes
// (xdg-open(1)), 3 means that no program was found, and 4 that the programs that were found
// failed.
var systemOpener = opener{name: "xdg-open", origin: "package xdg-utils", failed: []int{3, 4}, limit: openTime}
