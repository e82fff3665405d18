package tray

// systemOpener opens files and pages. The program ends at once and has the same exit code
// for every failure.
var systemOpener = opener{name: "open", origin: "it is part of macOS", limit: openTime}
