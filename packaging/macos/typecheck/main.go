// Command typecheck checks the types of this module as macOS builds it, with
// the files that need cgo, on a machine that has no macOS compiler.
//
// `GOOS=darwin go vet` leaves those files out when cgo is off, and fails
// without Apple's headers when it is on. go/types can stand in for the compiler:
// it accepts any name of the pseudo package C. So a mistake on the Go side of
// a cgo file is found here, one in its Objective-C is not.
//
// It prints each error as file:line:column: message, and ends with status 1 if
// there was any.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	CgoFiles   []string
	ImportMap  map[string]string
	Standard   bool
}

// checker holds the packages checked so far, by import path.
type checker struct {
	arch   string
	files  *token.FileSet
	done   map[string]*types.Package
	errors int
	cgo    []string // packages with cgo files, apart from the standard library's
}

func main() {
	for _, arch := range []string{"amd64", "arm64"} {
		if err := check(arch); err != nil {
			fmt.Fprintln(os.Stderr, "typecheck:", err)
			os.Exit(1)
		}
	}
}

// check type-checks every package of the module and what it imports.
func check(arch string) error {
	c := checker{
		arch:  arch,
		files: token.NewFileSet(),
		done:  map[string]*types.Package{"unsafe": types.Unsafe},
	}
	list := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,CgoFiles,ImportMap,Standard", "./...")
	list.Env = append(os.Environ(), "GOOS=darwin", "GOARCH="+arch, "CGO_ENABLED=1")
	list.Stderr = os.Stderr
	out, err := list.StdoutPipe()
	if err != nil {
		return err
	}
	if err := list.Start(); err != nil {
		return err
	}
	// -deps lists a package after everything it imports.
	packages := json.NewDecoder(out)
	for {
		var p listed
		err := packages.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		c.add(p)
	}
	if err := list.Wait(); err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	if c.errors > 0 {
		return fmt.Errorf("darwin/%s: %d errors", arch, c.errors)
	}
	fmt.Printf("darwin/%s: %d packages, with the cgo files of %q\n", arch, len(c.done), c.cgo)
	return nil
}

// add checks one package, all of whose imports were added before.
func (c *checker) add(p listed) {
	if p.ImportPath == "unsafe" {
		return
	}
	var files []*ast.File
	for _, name := range append(p.GoFiles, p.CgoFiles...) {
		f, err := parser.ParseFile(c.files, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			c.report(err)
			continue
		}
		files = append(files, f)
	}
	if len(p.CgoFiles) > 0 && !p.Standard {
		c.cgo = append(c.cgo, p.ImportPath)
	}
	config := types.Config{
		FakeImportC: true,
		Sizes:       types.SizesFor("gc", c.arch),
		Importer:    importer{c, p.ImportMap},
		// Go's own library compiles; only its declarations are of use here.
		IgnoreFuncBodies: p.Standard,
		Error: func(err error) {
			if !p.Standard {
				c.report(err)
			}
		},
	}
	// Errors come one by one by config.Error; the first one again is no news.
	c.done[p.ImportPath], _ = config.Check(p.ImportPath, c.files, files, nil)
}

func (c *checker) report(err error) {
	fmt.Println(err)
	c.errors++
}

// importer finds a package's imports among those checked before it.
type importer struct {
	checked *checker
	renamed map[string]string // import path in the source to that of the package, for vendored ones
}

// Import returns the package that path means to the importing package.
func (i importer) Import(path string) (*types.Package, error) {
	if actual := i.renamed[path]; actual != "" {
		path = actual
	}
	if p := i.checked.done[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("package %s was not listed before its importer", path)
}
