package tidy

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Finding is one thing that is not in shape.
type Finding struct {
	File string // relative to the root of the tree; a folder when the whole folder is meant
	Line int    // 0 when no line is to blame
	Says string // a sentence that says what to do
}

// String returns "file:line: sentence", as editors like it.
func (f Finding) String() string {
	if f.Line == 0 {
		return f.File + ": " + f.Says
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Says)
}

// Tree is the source of a module, parsed.
type Tree struct {
	Module   string
	Packages map[string]*Package // by folder relative to the root; "." is the root itself
	Folders  []string            // of the root, in order
	fset     *token.FileSet
	root     fs.FS
}

// Package is the Go code of one folder.
type Package struct {
	Path  string // folder, e.g. "discovery/arp"
	Files []*File
}

// File is one parsed Go file.
type File struct {
	Name    string // relative to the root
	Test    bool
	Lines   int
	AST     *ast.File
	Imports []Import
}

// Import is one import of a file.
type Import struct {
	Path  string // as written
	Local string // inside the module: the folder it means; "" for the outside world
	Name  string // how the file calls it; "_" and "." as written
	Line  int
}

// skipped are folders that hold no source of ours.
var skipped = []string{".git", "bin", "node_modules", "vendor", "testdata"}

// Read parses every Go file under root.
func Read(root fs.FS) (*Tree, error) {
	t := &Tree{Packages: map[string]*Package{}, fset: token.NewFileSet(), root: root}
	mod, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		return nil, fmt.Errorf("tidy: the root of a module has a go.mod: %w", err)
	}
	if t.Module = moduleName(mod); t.Module == "" {
		return nil, errors.New("tidy: go.mod names no module")
	}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (slices.Contains(skipped, d.Name()) || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() && name != "." && path.Dir(name) == ".":
			t.Folders = append(t.Folders, name)
		case !d.IsDir() && path.Ext(name) == ".go":
			return t.add(name)
		}
		return nil
	})
	return t, err
}

func moduleName(mod []byte) string {
	for line := range strings.Lines(string(mod)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

func (t *Tree) add(name string) error {
	src, err := fs.ReadFile(t.root, name)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(t.fset, name, src, parser.ParseComments)
	if err != nil {
		return fmt.Errorf("tidy: %w", err)
	}
	f := &File{
		Name:  name,
		Test:  strings.HasSuffix(name, "_test.go"),
		Lines: strings.Count(string(src), "\n"),
		AST:   parsed,
	}
	for _, spec := range parsed.Imports {
		f.Imports = append(f.Imports, t.importOf(spec))
	}
	dir := path.Dir(name)
	p := t.Packages[dir]
	if p == nil {
		p = &Package{Path: dir}
		t.Packages[dir] = p
	}
	p.Files = append(p.Files, f)
	return nil
}

func (t *Tree) importOf(spec *ast.ImportSpec) Import {
	p, _ := strconv.Unquote(spec.Path.Value)
	i := Import{Path: p, Name: path.Base(p), Line: t.line(spec)}
	if base := path.Base(p); len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		i.Name = path.Base(path.Dir(p)) // math/rand/v2 is called rand
	}
	if spec.Name != nil {
		i.Name = spec.Name.Name
	}
	if local, ok := strings.CutPrefix(p, t.Module+"/"); ok {
		i.Local = local
	} else if p == t.Module {
		i.Local = "."
	}
	return i
}

func (t *Tree) line(n ast.Node) int { return t.fset.Position(n.Pos()).Line }

// sorted returns the packages in order of their path.
func (t *Tree) sorted() []*Package {
	var list []*Package
	for _, p := range t.Packages {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *Package) int { return cmp.Compare(a.Path, b.Path) })
	return list
}

// under reports whether folder is dir or inside it.
func under(folder, dir string) bool {
	return folder == dir || strings.HasPrefix(folder, dir+"/")
}

// Check holds the tree against every rule and returns what is out of shape, in
// the order of the files.
func (t *Tree) Check() []Finding {
	var all []Finding
	for _, rule := range []func(*Tree) []Finding{layers, purity, agent, discoveryTypes, manners} {
		all = append(all, rule(t)...)
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return all
}
