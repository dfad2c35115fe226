package query

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"assim/graph"
	"assim/graph/cypher"
)

//go:embed queries/*.cypher
var ours embed.FS

// Limits of query files.
const (
	maxFile = 64 << 10 // bytes of one query file
	maxArgs = 16       // arguments of one query
)

// Query is one canned question.
type Query struct {
	Name  string
	Short string // one line, no period
	Long  string
	Args  []Arg
	Line  string // template of one line per row, see Format; may be empty
	Site  bool   // a site's own, not ours
	Text  string // the whole file

	compiled *cypher.Query
	catalog  *Catalog
}

// Arg is one argument of a query.
type Arg struct {
	Name       string
	Type       Type
	Default    string
	HasDefault bool
}

// Catalog is all queries there are.
type Catalog struct{ byName map[string]*Query }

// Load reads our own queries and a site's, which may be nil. The catalog is
// usable even when the error is not nil: the error names the files that are
// left out and why.
func Load(site fs.FS) (*Catalog, error) {
	c := &Catalog{byName: map[string]*Query{}}
	dir, err := fs.Sub(ours, "queries")
	if err != nil {
		return nil, err
	}
	errs := []error{c.read(dir, false)}
	if site != nil {
		errs = append(errs, c.read(site, true))
	}
	return c, errors.Join(errs...)
}

func (c *Catalog) read(dir fs.FS, site bool) error {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return fmt.Errorf("queries: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) != ".cypher" {
			continue
		}
		q, err := c.readFile(dir, e.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("query %s: %w", e.Name(), err))
			continue
		}
		q.Site = site
		c.byName[q.Name] = q
	}
	return errors.Join(errs...)
}

func (c *Catalog) readFile(dir fs.FS, file string) (*Query, error) {
	info, err := fs.Stat(dir, file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("has %d bytes, more than the %d allowed", info.Size(), maxFile)
	}
	text, err := fs.ReadFile(dir, file)
	if err != nil {
		return nil, err
	}
	q, err := Parse(strings.TrimSuffix(file, ".cypher"), string(text))
	if err != nil {
		return nil, err
	}
	q.catalog = c
	return q, nil
}

// Parse reads one query file.
func Parse(name, text string) (*Query, error) {
	q := &Query{Name: name, Text: text}
	if err := q.readHead(text); err != nil {
		return nil, err
	}
	if q.Short == "" {
		return nil, errors.New(`the line "// short:" is missing`)
	}
	var err error
	if q.compiled, err = cypher.Parse(text); err != nil {
		return nil, err
	}
	return q, q.checkParams()
}

// readHead reads the "// key: value" lines before the query.
func (q *Query) readHead(text string) error {
	key := ""
	values := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "//")
		if !ok {
			break
		}
		comment = strings.TrimSpace(comment)
		head, rest, isHead := strings.Cut(comment, ":")
		switch {
		case isHead && slices.Contains([]string{"short", "long", "args", "line"}, head):
			key = head
			if _, twice := values[key]; twice {
				return fmt.Errorf("%q stands twice", "// "+key+":")
			}
			values[key] = strings.TrimSpace(rest)
		case key != "":
			values[key] = strings.TrimSpace(values[key] + " " + comment)
		}
	}
	q.Short, q.Long, q.Line = values["short"], values["long"], values["line"]
	return q.readArgs(values["args"])
}

// readArgs reads "host:host, port:integer=22".
func (q *Query) readArgs(text string) error {
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		name, typ, _ := strings.Cut(part, ":")
		typ, def, hasDefault := strings.Cut(typ, "=")
		a := Arg{Name: strings.TrimSpace(name), Type: Type(strings.TrimSpace(typ)), Default: strings.TrimSpace(def), HasDefault: hasDefault}
		if !a.Type.known() {
			return fmt.Errorf("argument %s has the type %q, which is none of %s", a.Name, a.Type, strings.Join(typeNames(), ", "))
		}
		q.Args = append(q.Args, a)
	}
	if len(q.Args) > maxArgs {
		return fmt.Errorf("takes %d arguments, more than the %d allowed", len(q.Args), maxArgs)
	}
	return nil
}

// checkParams holds the head against what the query really uses.
func (q *Query) checkParams() error {
	declared := map[string]bool{}
	for _, a := range q.Args {
		declared[a.Name] = true
		if !slices.Contains(q.compiled.Params(), a.Name) {
			return fmt.Errorf("the argument %s is declared but $%s is not used", a.Name, a.Name)
		}
		if a.HasDefault {
			if _, err := a.Type.normalize(a.Default); err != nil {
				return fmt.Errorf("the default of %s: %w", a.Name, err)
			}
		}
	}
	for _, p := range q.compiled.Params() {
		if !declared[p] && p != catalogParam {
			return fmt.Errorf("$%s is used but not declared in \"// args:\"", p)
		}
	}
	return nil
}

// catalogParam is a parameter that is filled with the catalog itself.
const catalogParam = "queries"

// All returns every query in order of name.
func (c *Catalog) All() []*Query {
	var all []*Query
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		all = append(all, c.byName[name])
	}
	return all
}

// Find returns a query by name.
func (c *Catalog) Find(name string) (*Query, error) {
	if q := c.byName[name]; q != nil {
		return q, nil
	}
	best, bestScore := "", 0
	for n := range maps.Keys(c.byName) {
		// Letters in common count for a name, letters beyond them against it.
		if s := 2*likeness(name, n) - len(n); s > bestScore || s == bestScore && n < best {
			best, bestScore = n, s
		}
	}
	if best != "" {
		return nil, fmt.Errorf("there is no query %q; did you mean %s?", name, best)
	}
	return nil, fmt.Errorf("there is no query %q; the query list names them all", name)
}

// likeness counts the letters of a that appear in b in the same order.
func likeness(a, b string) int {
	n := 0
	for _, r := range strings.ToLower(a) {
		if i := strings.IndexRune(b, r); i >= 0 {
			b = b[i+1:]
			n++
		}
	}
	return n
}

// Notes says why there may be no rows, or nothing in a column of some: see
// cypher.Query.Notes.
func (q *Query) Notes(r graph.Reader, some bool) []string { return q.compiled.Notes(r, some) }

// Columns returns the names of the result's columns.
func (q *Query) Columns() []string { return q.compiled.Columns() }

// Bind checks arguments and brings them into the form the graph holds: lower
// case host names, canonical addresses, integers.
func (q *Query) Bind(args map[string]string) (map[string]any, error) {
	params := map[string]any{}
	for name := range args {
		if !slices.ContainsFunc(q.Args, func(a Arg) bool { return a.Name == name }) {
			return nil, fmt.Errorf("the query %s takes no argument %s; %s", q.Name, name, q.Usage())
		}
	}
	for _, a := range q.Args {
		text, given := args[a.Name]
		if !given {
			if !a.HasDefault {
				return nil, fmt.Errorf("the argument %s is missing: %s; %s", a.Name, a.Type.Doc(), q.Usage())
			}
			text = a.Default
		}
		v, err := a.Type.normalize(text)
		if err != nil {
			return nil, fmt.Errorf("argument %s: %w", a.Name, err)
		}
		params[a.Name] = v
	}
	if slices.Contains(q.compiled.Params(), catalogParam) {
		params[catalogParam] = q.catalog.list()
	}
	return params, nil
}

// list describes all queries as values of a query.
func (c *Catalog) list() []any {
	if c == nil {
		return []any{}
	}
	var out []any
	for _, q := range c.All() {
		out = append(out, map[string]any{"name": q.Name, "short": q.Short, "long": q.Long, "usage": q.Usage(), "site": q.Site})
	}
	return out
}

// Usage shows how the query is called, e.g. "findip IP".
func (q *Query) Usage() string {
	text := "usage: " + q.Name
	for _, a := range q.Args {
		if a.HasDefault {
			text += fmt.Sprintf(" [%s=%s]", a.Name, a.Default)
		} else {
			text += fmt.Sprintf(" %s=%s", a.Name, strings.ToUpper(string(a.Type)))
		}
	}
	return text
}

// Run asks the query of a reader.
func (q *Query) Run(ctx context.Context, r graph.Reader, args map[string]string, lim cypher.Limits) (*cypher.Rows, error) {
	params, err := q.Bind(args)
	if err != nil {
		return nil, err
	}
	rows, err := q.compiled.Run(ctx, r, params, lim)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", q.Name, err)
	}
	return rows, nil
}

// Explain says how the query would be carried out.
func (q *Query) Explain(r graph.Reader) (*cypher.Plan, error) { return q.compiled.Explain(r) }
