package commands

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"clawtray/rpc/redact"
	"clawtray/supervisor/words"
)

// output is a standard stream that remembers its first failed write. So a command need not
// check each write. A failed write makes the command fail, because nobody could read its
// output, for example on a full disk.
type output struct {
	file   *os.File
	failed error
}

func (o *output) Write(p []byte) (int, error) {
	if o.failed != nil {
		return 0, o.failed
	}
	n, err := o.file.Write(p)
	o.failed = err
	return n, err
}

// printable is a standard stream that makes text harmless: nothing from outside can control
// the terminal or reorder a line (FAULTS XS3). Many commands print words of a gateway, a
// plugin or a registry, so this is done once, at the end of all output.
type printable struct {
	*redact.PrintableWriter
	file interface {
		io.Writer
		Fd() uintptr
	}
}

func newPrintable(out interface {
	io.Writer
	Fd() uintptr
}) printable {
	return printable{redact.NewPrintableWriter(out, Coloured(out)), out}
}

// Fd lets callers check whether the stream is a terminal.
func (p printable) Fd() uintptr { return p.file.Fd() }

// Overwrite writes a line of clawtray that the next line replaces on the terminal.
func (p printable) Overwrite(line string) {
	_, _ = io.WriteString(p.file, redact.PrintableLine(line)+"\r")
}

// Fd lets callers check whether the stream is a terminal.
func (o *output) Fd() uintptr { return o.file.Fd() }

// err returns the failure in words. Call it only after a failure.
func (o *output) err() error {
	err := o.failed
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	}
	return fmt.Errorf(words.Here().Wrong.Output, words.Here().Translate(err.Error()))
}
