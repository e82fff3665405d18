package assets

import "embed"

// Only the Windows program contains the ICO files, because they are as large as all other
// pictures together.
//
//go:embed icons/running.ico icons/starting.ico icons/reconnecting.ico icons/degraded.ico icons/error.ico icons/stopped.ico
var icoFiles embed.FS

// ICO returns the icon with every size that Windows asks for. It does not work for [App],
// whose ICO is in the resources of the program.
func (i Icon) ICO() []byte { return read(icoFiles, i, ".ico") }
