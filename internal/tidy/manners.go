package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// maxLines is how long a file may be before it wants to be two.
const maxLines = 600

// longFiles may be longer, each for its reason.
var longFiles = map[string]string{}

// knownBlanks are blank imports that do something needed, with the reason.
var knownBlanks = map[string]string{
	"embed":              "the compiler asks for it beside //go:embed of a string",
	"modernc.org/sqlite": "database/sql finds its driver only so",
}

// manners finds packages that do not introduce themselves, init functions,
// blank imports, long files and promises for later.
func manners(t *Tree) []Finding {
	var found []Finding
	for _, p := range t.sorted() {
		found = append(found, introduction(p)...)
		for _, f := range p.Files {
			found = append(found, fileManners(t, p.Path, f)...)
		}
	}
	return found
}

// introduction wants exactly the comment that go doc shows.
func introduction(p *Package) []Finding {
	var first *File
	for _, f := range p.Files {
		if f.Test {
			continue
		}
		if first == nil {
			first = f
		}
		name := f.AST.Name.Name
		begins := []string{"Package " + name + " "}
		if name == "main" {
			begins = []string{"Command ", "Program "}
		}
		text := f.AST.Doc.Text() // of no comment, nothing
		if slices.ContainsFunc(begins, func(b string) bool { return strings.HasPrefix(text, b) }) {
			return nil
		}
	}
	if first == nil {
		return nil // only tests
	}
	begin := "// Package " + first.AST.Name.Name + " ..."
	if first.AST.Name.Name == "main" {
		begin = "// Command ..."
	}
	return []Finding{{first.Name, 1, fmt.Sprintf(
		"%s does not introduce itself: begin one of its files with %q above the package clause", p.Path, begin)}}
}

func fileManners(t *Tree, folder string, f *File) []Finding {
	var found []Finding
	say := func(n ast.Node, format string, args ...any) {
		found = append(found, Finding{f.Name, t.line(n), fmt.Sprintf(format, args...)})
	}
	if f.Lines > maxLines && longFiles[f.Name] == "" && !ast.IsGenerated(f.AST) {
		found = append(found, Finding{File: f.Name, Says: fmt.Sprintf(
			"%d lines are too long to hold in the head (%d at most): split it by nouns, or give it a reason in internal/tidy/manners.go", f.Lines, maxLines)})
	}
	for _, group := range f.AST.Comments {
		for _, c := range group.List {
			text := strings.TrimLeft(c.Text, "/* \t")
			if slices.ContainsFunc(later, func(word string) bool { return strings.HasPrefix(text, word) }) {
				say(c, "a promise for later is forgotten: do it now, or say in the documentation that it is not there")
			}
		}
	}
	if f.Test {
		return found
	}
	for i, spec := range f.AST.Imports {
		if imp := f.Imports[i]; imp.Name == "_" && knownBlanks[imp.Path] == "" {
			say(spec, "%s imports %s for its side effect: call what it needs by name, or give the import a reason in internal/tidy/manners.go", folder, imp.Path)
		}
	}
	for _, d := range f.AST.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			say(fn, "%s has an init function, which runs before anybody asked: let a constructor or main do it", folder)
		}
	}
	return found
}

// later are the words that begin a promise.
var later = []string{"TODO", "FIXME", "XXX", "HACK"}
