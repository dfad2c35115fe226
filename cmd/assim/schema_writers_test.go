package main

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"assim/discovery/all"
	"assim/graph"
	"assim/graph/cypher"
	"assim/graph/derive"
)

var updateWriters = flag.Bool("update", false, "write schema_writers.txt")

// TestWhoFillsWhatIsReadFromTheCode holds schema_writers.txt against the code in
// both directions: what it names writes that, and what writes is named.
func TestWhoFillsWhatIsReadFromTheCode(t *testing.T) {
	found := findWriters(t)
	var text strings.Builder
	for _, of := range slices.Sorted(maps.Keys(found)) {
		text.WriteString(of + " " + strings.Join(slices.Sorted(maps.Keys(found[of])), " ") + "\n")
	}
	if *updateWriters {
		if err := os.WriteFile("schema_writers.txt", []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text.String() != schemaWriters {
		t.Errorf("the code has other writers than schema_writers.txt; after go test ./cmd/assim -run WhoFills -update and go run ./cmd/assim schema -markdown > docs/schema.md read the difference:\n%s",
			firstDifference(schemaWriters, text.String()))
	}
	for _, l := range graph.Labels {
		wantWriter(t, found, l.Label, strings.HasSuffix(l.Meaning, graph.Unwritten))
		for p := range l.Props {
			wantWriter(t, found, propKey(l.Label, p), strings.HasSuffix(l.Meaning, graph.Unwritten))
		}
	}
	for _, r := range graph.Rels {
		for p := range r.Props {
			wantWriter(t, found, propKey(relKey(r), p), false)
		}
		nobody := unwrittenLabel(r.From) || unwrittenLabel(r.To)
		wantWriter(t, found, relKey(r), nobody)
	}
}

func unwrittenLabel(label string) bool {
	for _, l := range graph.Labels {
		if l.Label == label {
			return strings.HasSuffix(l.Meaning, graph.Unwritten)
		}
	}
	return false
}

func wantWriter(t *testing.T, found writersOf, of string, nobody bool) {
	t.Helper()
	switch {
	case nobody && len(found[of]) > 0:
		t.Errorf("schema.go says that nothing writes %s, but %v does", of, slices.Sorted(maps.Keys(found[of])))
	case !nobody && len(found[of]) == 0:
		t.Errorf("schema.go tells of %s and nothing is found that writes it", of)
	}
}

func firstDifference(was, is string) string {
	a, b := strings.Split(was, "\n"), strings.Split(is, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return "- " + a[i] + "\n+ " + b[min(i, len(b)-1)]
		}
	}
	return "+ " + b[min(len(a), len(b)-1)]
}

// writersOf is who writes a label, a relationship, or a property of either.
type writersOf map[string]map[string]bool

func (w writersOf) add(of, who string) {
	if w[of] == nil {
		w[of] = map[string]bool{}
	}
	w[of][who] = true
}

// lacks reports that nobody is known to write it.
func (w writersOf) lacks(of string) bool { return len(w[of]) == 0 }

// findWriters looks at three things: what discovery types make of the documents in
// their testdata, the queries of graph/derive, and, for what those do not show,
// the functions that make nodes and relationships.
func findWriters(t *testing.T) writersOf {
	found := writersOf{}
	shownByDiscovery(t, found)
	saidByDerive(t, found)
	shown := writersOf{}
	for of, who := range found {
		shown[of] = maps.Clone(who)
	}
	folders := makerFolders(t)
	for _, f := range folders {
		for _, m := range f.makers {
			m.fill(found, shown)
		}
	}
	fillRest(found, folders)
	return found
}

// shownByDiscovery gives every discovery type the documents in its testdata.
func shownByDiscovery(t *testing.T, found writersOf) {
	system := graph.Key{Label: graph.System, ID: "n-0123456789abcdef0123456789abcdef"}
	for _, plugin := range all.Plugins {
		name := plugin.Of.Name
		docs, err := filepath.Glob("../../discovery/" + name + "/testdata/*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range docs {
			if strings.HasSuffix(path, ".host.json") {
				continue
			}
			doc, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !json.Valid(doc) {
				continue // the golden of a system that has nothing of the kind is an error
			}
			if plugin.Graph != nil {
				c, err := plugin.Graph(system, doc)
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				found.change(c, name)
			}
			if plugin.Shared != nil {
				c, err := plugin.Shared(doc)
				if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				found.change(c, name)
			}
		}
	}
}

// change adds what a change holds.
func (w writersOf) change(c graph.Change, who string) {
	for _, n := range c.Nodes {
		w.add(n.Key.Label, who)
		for p := range n.Props {
			w.add(propKey(n.Key.Label, p), who)
		}
	}
	for _, r := range c.Rels {
		of := relKey(graph.RelDoc{From: r.From.Label, Type: r.Type, To: r.To.Label})
		w.add(of, who)
		for p := range r.Props {
			w.add(propKey(of, p), who)
		}
	}
}

var derived = regexp.MustCompile(`RETURN (\w+) AS from, '([A-Z_]+)' AS type, (\w+) AS to`)

func saidByDerive(t *testing.T, found writersOf) {
	for _, rule := range derive.Built() {
		m := derived.FindStringSubmatch(rule.Query)
		q, err := cypher.Parse(rule.Query)
		if m == nil || err != nil {
			t.Fatalf("derive/%s: what does it make? %v", rule.Name, err)
		}
		label := func(name string) string {
			l := regexp.MustCompile(`\(` + name + `:(\w+)`).FindStringSubmatch(rule.Query)
			if l == nil {
				t.Fatalf("derive/%s: which label has %s?", rule.Name, name)
			}
			return l[1]
		}
		of := relKey(graph.RelDoc{From: label(m[1]), Type: m[2], To: label(m[3])})
		found.add(of, "derive/"+rule.Name)
		for _, p := range q.Columns()[3:] {
			found.add(propKey(of, p), "derive/"+rule.Name)
		}
	}
}

// maker is a function that makes nodes or relationships.
type maker struct {
	who      string // as sources(x) names it, without what tells instances apart
	makes    bool   // or it only gives properties to what others made
	labels   map[string]bool
	rels     map[string]bool
	literals map[string]bool
	sets     []map[string]bool // properties that it gives together
	calls    map[string]bool
	folder   *folder
}

// gives reports whether it may write p to what has props: p stands in the
// function, and with no property beside it that props lacks.
func (m maker) gives(p string, props map[string]string) bool {
	if !m.literals[p] {
		return false
	}
	alone := true
	for _, set := range m.sets {
		if !set[p] {
			continue
		}
		fits := true
		for other := range set {
			fits = fits && props[other] != ""
		}
		if fits {
			return true
		}
		alone = false
	}
	return alone
}

// folder is a package of makers.
type folder struct {
	path     string
	mentions map[string]bool // labels and types
	keys     map[string]bool // labels of which it makes keys
	literals map[string]bool // those of what it imports of discovery as well
	imports  map[string]bool
	makers   []maker
}

// fill names the maker for what it makes. The CMA and what looks at the whole
// graph have no graphs in testdata, so they are always asked; discovery types
// only of what none of their graphs shows.
func (m maker) fill(found, shown writersOf) {
	_, discovers := all.Find(m.who)
	if !discovers && !strings.Contains(m.who, "/") && m.who != "cma" && m.who != "oui" {
		return // a helper of several types: see fillRest
	}
	of := func(key string, props map[string]string) {
		if m.makes && (!discovers || len(shown[key]) == 0) {
			found.add(key, m.who)
		}
		for p := range props {
			if m.gives(p, props) && (!discovers || len(shown[propKey(key, p)]) == 0) {
				found.add(propKey(key, p), m.who)
			}
		}
	}
	for _, l := range graph.Labels {
		// Who names vendors does so for whatever has a hardware address.
		if m.labels[l.Label] || m.who == "oui" && l.Props["mac"] != "" && l.Props["vendor"] != "" {
			of(l.Label, l.Props)
		}
	}
	for _, r := range graph.Rels {
		// Who looks at the whole graph mentions much that it only reads.
		reads := !discovers && len(shown[relKey(r)]) > 0 && r.From != graph.System && !m.folder.keys[r.From]
		if m.rels[r.Type] && !reads && (!m.makes || m.folder.mayEnd(r.From) && m.folder.mayEnd(r.To)) {
			of(relKey(r), r.Props)
		}
	}
}

// makesRel reports whether a function of the folder makes such relationships.
func (f *folder) makesRel(typ string) bool {
	return slices.ContainsFunc(f.makers, func(m maker) bool { return m.rels[typ] })
}

// mayEnd reports whether the folder's relationships may begin or end there.
func (f *folder) mayEnd(label string) bool { return label == graph.System || f.mentions[label] }

// fillRest looks for what no function was found to write: a relationship in the
// folders of types that make some of its kind and write one of its ends, a
// property in the folders of those types that write what has it.
func fillRest(found writersOf, folders []*folder) {
	for _, r := range graph.Rels {
		for _, f := range folders {
			name := filepath.Base(f.path)
			ends := r.From != graph.System && found[r.From][name] || r.To != graph.System && found[r.To][name]
			if _, ok := all.Find(name); ok && ends && found.lacks(relKey(r)) && f.makesRel(r.Type) {
				found.add(relKey(r), name)
			}
		}
	}
	of := func(key string, props map[string]string) {
		for p := range props {
			if !found.lacks(propKey(key, p)) {
				continue
			}
			for _, f := range folders {
				if name := filepath.Base(f.path); found[key][name] && f.literals[p] {
					found.add(propKey(key, p), name)
				}
			}
		}
	}
	for _, l := range graph.Labels {
		of(l.Label, l.Props)
	}
	for _, r := range graph.Rels {
		of(relKey(r), r.Props)
	}
}

// makerFolders reads the packages that make nodes and relationships.
func makerFolders(t *testing.T) (list []*folder) {
	paths := []string{"../../cma", "../../graph/oui"}
	err := filepath.WalkDir("../../discovery", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "testdata" {
			return filepath.SkipDir
		}
		if err == nil && d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	constants := schemaConstants(t)
	for _, path := range paths {
		list = append(list, readFolder(t, path, constants))
	}
	for _, f := range list {
		for _, helper := range list {
			if f.imports["assim/discovery/"+filepath.Base(helper.path)] {
				for s := range helper.literals {
					f.literals[s] = true
				}
			}
		}
	}
	return list
}

func readFolder(t *testing.T, path string, constants map[string]string) *folder {
	paths, err := filepath.Glob(path + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	in := &folder{path: path, mentions: map[string]bool{}, keys: map[string]bool{}, literals: map[string]bool{}, imports: map[string]bool{}}
	own, sources, keys := filepath.Base(path), map[string]string{}, map[string]map[string]bool{} // of functions
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			in.imports[strings.Trim(i.Path.Value, `"`)] = true
		}
		for s := range literalsIn(file) {
			in.literals[s] = true
			if strings.HasPrefix(s, "derive/") {
				own = s
			}
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			m, makes := in.makerOf(f, constants)
			for s := range literalsIn(f) {
				if strings.HasPrefix(s, "cma/") {
					sources[f.Name.Name] = strings.TrimSuffix(s, "/")
					m.calls[f.Name.Name] = true
				}
			}
			if makes {
				in.makers = append(in.makers, m)
			} else if len(f.Type.Params.List) < 2 {
				keys[f.Name.Name] = m.labels // nicKey(id)
			}
		}
	}
	for i := range in.makers {
		m := &in.makers[i]
		m.who = own
		for name := range m.calls {
			if s := sources[name]; s != "" {
				m.who = s
			}
			for label, makesKey := range keys[name] { // elsewhere they are the ends of relationships
				m.labels[label] = m.labels[label] || makesKey && strings.HasPrefix(own, "derive/")
			}
		}
	}
	return in
}

// makerOf reads which labels and types a function gives to what it makes.
func (in *folder) makerOf(f *ast.FuncDecl, constants map[string]string) (m maker, makes bool) {
	m = maker{labels: map[string]bool{}, rels: map[string]bool{}, literals: literalsIn(f), calls: map[string]bool{}, folder: in}
	mentions, altered := map[string]bool{}, map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			m.makes = m.makes || fromGraph(n.Type, "Node") || fromGraph(n.Type, "Rel")
		case *ast.KeyValueExpr:
			field, ok := n.Key.(*ast.Ident)
			value, isName := n.Value.(*ast.SelectorExpr)
			if ok && isName && fromGraph(value, value.Sel.Name) {
				name := constants[value.Sel.Name]
				m.labels[name] = m.labels[name] || field.Name == "Label"
				m.rels[name] = m.rels[name] || field.Name == "Type"
				in.keys[name] = in.keys[name] || field.Name == "Label"
			}
		case *ast.AssignStmt:
			for _, to := range n.Lhs {
				if at, ok := to.(*ast.IndexExpr); ok {
					if props, ok := at.X.(*ast.SelectorExpr); ok && props.Sel.Name == "Props" {
						maps.Copy(altered, literalsIn(at.Index))
					}
				}
			}
		case *ast.CallExpr:
			if name, ok := n.Fun.(*ast.Ident); ok {
				m.calls[name.Name] = true
			}
			if fromGraph(n.Fun, "P") {
				set := map[string]bool{}
				for i := 0; i < len(n.Args); i += 2 {
					if lit, ok := n.Args[i].(*ast.BasicLit); ok {
						set[strings.Trim(lit.Value, `"`)] = true
					}
				}
				m.sets = append(m.sets, set)
			}
		case *ast.SelectorExpr:
			if fromGraph(n, n.Sel.Name) {
				mentions[constants[n.Sel.Name]] = true
			}
		}
		return true
	})
	maps.Copy(in.mentions, mentions)
	if len(altered) > 0 {
		maps.Copy(m.labels, mentions)
		maps.Copy(m.rels, mentions)
	}
	if !m.makes {
		m.literals = altered
	}
	return m, m.makes || len(altered) > 0
}

func fromGraph(e ast.Expr, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "graph"
}

func literalsIn(n ast.Node) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				found[s] = true
			}
		}
		return true
	})
	return found
}

// schemaConstants are the names that Go code gives to labels and types.
func schemaConstants(t *testing.T) map[string]string {
	file, err := parser.ParseFile(token.NewFileSet(), "../../graph/schema.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == 1 && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				constants[v.Names[0].Name], _ = strconv.Unquote(lit.Value)
			}
		}
		return true
	})
	return constants
}
