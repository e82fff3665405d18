// Command typecheck checks the types of this module as macOS builds it, including the files
// that need cgo, on a machine without a compiler for macOS.
//
// `GOOS=darwin go vet` leaves those files out when cgo is off, and fails without Apple's
// headers when cgo is on. This command uses go/types instead of a compiler, because
// go/types accepts any name of the pseudo package C. So it finds mistakes in the Go part of
// a cgo file, but not in its Objective-C part.
//
// It prints each error as file:line:column: message, and exits with status 1 if there was
// one.
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

// listed is a package as `go list -json` describes it.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	CgoFiles   []string
	ImportMap  map[string]string
	Standard   bool
}

// checker has the packages that were checked so far, by import path.
type checker struct {
	arch   string
	files  *token.FileSet
	done   map[string]*types.Package
	errors int
	cgo    []string // packages with cgo files, without the standard library
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
	// With -deps, a package comes after everything that it imports.
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

// add checks one package. All its imports must have been added before.
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
		// Go's own library is correct; only its declarations are needed.
		IgnoreFuncBodies: p.Standard,
		Error: func(err error) {
			if !p.Standard {
				c.report(err)
			}
		},
	}
	// config.Error reports all errors; the returned one is the first of them.
	c.done[p.ImportPath], _ = config.Check(p.ImportPath, c.files, files, nil)
}

func (c *checker) report(err error) {
	fmt.Println(err)
	c.errors++
}

// importer finds a package's imports among the checked packages.
type importer struct {
	checked *checker
	renamed map[string]string // maps the import path in the source to the path of the package, for vendored packages
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
