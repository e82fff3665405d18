package assets

import "embed"

// The pictures in Windows' format are as large as everything else together, so
// only its program has them.
//
//go:embed icons/running.ico icons/starting.ico icons/reconnecting.ico icons/degraded.ico icons/error.ico icons/stopped.ico
var icoFiles embed.FS

// ICO is the icon in every size that Windows asks for; not of [App], which its
// resources have.
func (i Icon) ICO() []byte { return read(icoFiles, i, ".ico") }
