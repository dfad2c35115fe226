package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"strconv"
	"strings"
)

// theList is the only place that puts discovery types together.
const theList = "discovery/all"

// discoveryTypes finds a type that is not in the list, a list that is not the
// only one, and a type whose name is not its folder's.
func discoveryTypes(t *Tree) []Finding {
	var found []Finding
	listed := map[string]bool{}
	if all := t.Packages[theList]; all != nil {
		for _, f := range all.Files {
			for folder := range usedTypes(f) {
				listed[folder] = listed[folder] || !f.Test
			}
		}
	}
	for _, p := range t.sorted() {
		for _, f := range p.Files {
			if f.Test {
				continue
			}
			if p.Path != theList {
				found = append(found, otherLists(t, p.Path, f)...)
			}
			if path.Dir(p.Path) != "discovery" {
				continue
			}
			spec, lit := typeVar(f)
			if spec == nil {
				continue
			}
			if !listed[p.Path] {
				found = append(found, Finding{f.Name, t.line(spec), fmt.Sprintf(
					"%s holds a discovery type that nobody runs: add %s.Type to the list in %s", p.Path, path.Base(p.Path), theList)})
			}
			if name := nameOf(lit); name != "" && name != path.Base(p.Path) {
				found = append(found, Finding{f.Name, t.line(spec), fmt.Sprintf(
					"%s calls its type %q: a type has the name of its folder, so that people find it; rename one of them", p.Path, name)})
			}
		}
	}
	return found
}

// typeVar finds "var Type = discovery.Type{...}" of a plugin.
func typeVar(f *File) (*ast.ValueSpec, *ast.CompositeLit) {
	for _, d := range f.AST.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			v, ok := s.(*ast.ValueSpec)
			if !ok || len(v.Names) != 1 || v.Names[0].Name != "Type" {
				continue
			}
			var lit *ast.CompositeLit
			if len(v.Values) == 1 {
				lit, _ = v.Values[0].(*ast.CompositeLit)
			}
			return v, lit
		}
	}
	return nil, nil
}

// nameOf returns the value of a literal's field Name, if it is a plain string.
func nameOf(lit *ast.CompositeLit) string {
	if lit == nil {
		return ""
	}
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, _ := kv.Key.(*ast.Ident)
		value, _ := kv.Value.(*ast.BasicLit)
		if key != nil && key.Name == "Name" && value != nil {
			name, _ := strconv.Unquote(value.Value)
			return name
		}
	}
	return ""
}

// usedTypes returns the plugin folders whose Type a file mentions.
func usedTypes(f *File) map[string]bool {
	folder := map[string]string{}
	for _, i := range f.Imports {
		if strings.HasPrefix(i.Local, "discovery/") {
			folder[i.Name] = i.Local
		}
	}
	used := map[string]bool{}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Type" {
			if x, ok := s.X.(*ast.Ident); ok && folder[x.Name] != "" {
				used[folder[x.Name]] = true
			}
		}
		return true
	})
	return used
}

// otherLists finds a []discovery.Type{...} with plugins in it outside the one
// list. Main programs and proofs may pick a few by hand.
func otherLists(t *Tree, folder string, f *File) []Finding {
	if placeOf(folder).layer == proof {
		return nil
	}
	var found []Finding
	plugins := usedTypes(f)
	ast.Inspect(f.AST, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok || len(lit.Elts) == 0 || len(plugins) == 0 {
			return true
		}
		array, ok := lit.Type.(*ast.ArrayType)
		if !ok {
			return true
		}
		if s, ok := array.Elt.(*ast.SelectorExpr); ok && s.Sel.Name == "Type" {
			found = append(found, Finding{f.Name, t.line(lit), fmt.Sprintf(
				"%s keeps a second list of discovery types: use the one in %s", folder, theList)})
		}
		return true
	})
	return found
}
