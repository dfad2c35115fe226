package query

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"assim/graph"
	"assim/graph/cypher"
	"assim/graph/graphtest"
)

var update = flag.Bool("update", false, "write the golden answers anew")

func load(t *testing.T) *Catalog {
	t.Helper()
	c, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The questions that the original could answer.
var original = strings.Fields(`allservers down crashed shutdown downservices allservicestatus hostservicestatus unmonitored
	hostdependencies allipports hostipports allips findip findmac unknownips nodns nooui allswitchports hostswitchports
	allbpscores allserversecscores allservernetscores allhostscores sechostscores allrulescores secrulescores totalscores
	allpackages packagename packageprefix packagegrep hostsubgraph allhostsubgraph nodecount list`)

func TestEveryQuestionOfTheOriginalHasASuccessor(t *testing.T) {
	c := load(t)
	for _, name := range append(slices.Clone(original), "blastradius", "rootcause", "spof", "path", "switchpath") {
		if _, err := c.Find(name); err != nil {
			t.Error(err)
		}
	}
	if len(original) != 35 {
		t.Errorf("%d questions of the original are listed, there are 35", len(original))
	}
}

// asked says with which arguments each query is asked for its golden answer.
var asked = map[string][]map[string]string{
	"hostservicestatus": {{"host": "db1"}},
	"hostdependencies":  {{"host": "APP1."}},
	"hostipports":       {{"host": "web1"}},
	"findip":            {{"ip": "::ffff:10.0.0.13"}, {"ip": "10.0.0.99"}},
	"findmac":           {{"mac": "00-16-3E-00-00-03"}, {"mac": "dead.beef.0001"}},
	"hostswitchports":   {{"host": "db1"}, {"host": "sw1"}},
	"packagename":       {{"name": "openssl"}},
	"packageprefix":     {{"prefix": "post"}},
	"packagegrep":       {{"pattern": ".*ss.*"}},
	"hostsubgraph":      {{"host": "app1"}},
	"blastradius":       {{"host": "db1"}, {"host": "sw1"}, {"host": "host1"}},
	"rootcause":         {{"hosts": "web1, web2"}, {"hosts": "app1"}},
	"path":              {{"from": "web1", "to": "db1"}, {"from": "n-sw2", "to": "app1"}},
	"switchpath":        {{"switch": "sw2"}, {"switch": "sw1", "port": "Gi[12]"}},
}

func TestEveryQueryAnswersAsItsGoldenFileSays(t *testing.T) {
	s := newSite()
	s.build()
	for name, store := range engines(t) {
		reader := s.view(t, store)
		for _, q := range load(t).All() {
			t.Run(name+"/"+q.Name, func(t *testing.T) {
				questions := asked[q.Name]
				if questions == nil {
					questions = []map[string]string{nil}
				}
				var b strings.Builder
				for _, args := range questions {
					ask(t, &b, reader, s.now, q, args)
				}
				golden(t, q.Name, b.String())
			})
		}
	}
}

// TestEveryQueryAnswersOfThePastAsItDidThen asks, after half of what is known has
// ceased and the rest has changed, as of the moment before.
func TestEveryQueryAnswersOfThePastAsItDidThen(t *testing.T) {
	s := newSite()
	s.build()
	catalog := load(t)
	answers := func(t *testing.T, r graph.Reader) map[string]string {
		all := map[string]string{}
		for _, q := range catalog.All() {
			questions := asked[q.Name]
			if questions == nil {
				questions = []map[string]string{nil}
			}
			var b strings.Builder
			for _, args := range questions {
				ask(t, &b, r, s.now, q, args)
			}
			all[q.Name] = b.String()
		}
		return all
	}
	for name, store := range engines(t) {
		if name == "neo4j" && testing.Short() {
			continue // half a minute: make test-neo4j asks it
		}
		t.Run(name, func(t *testing.T) {
			then := answers(t, s.view(t, store))
			var later []graph.Change
			for i, c := range s.changes {
				c.At = s.now.Add(time.Hour)
				if i%2 == 0 {
					c.Nodes, c.Rels = nil, nil
				}
				later = append(later, c)
			}
			if _, err := store.Apply(t.Context(), later...); err != nil {
				t.Fatal(err)
			}
			now, err := store.View(t.Context(), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			defer now.Close()
			past, err := store.View(t.Context(), s.now)
			if err != nil {
				t.Fatal(err)
			}
			defer past.Close()
			asThen, differ := answers(t, past), 0
			for query, today := range answers(t, now) {
				if asThen[query] != then[query] {
					t.Errorf("%s of the past:\n%s\nit was\n%s", query, asThen[query], then[query])
				}
				if today != then[query] {
					differ++
				}
			}
			if differ < len(then)/2 {
				t.Errorf("only %d of %d answers have changed since: the test proves little", differ, len(then))
			}
		})
	}
}

// ask writes the answer as a table and as template lines.
func ask(t *testing.T, b *strings.Builder, r graph.Reader, now time.Time, q *Query, args map[string]string) {
	t.Helper()
	b.WriteString("? " + q.Name)
	for _, a := range q.Args {
		if v, ok := args[a.Name]; ok {
			b.WriteString(" " + a.Name + "=" + v)
		}
	}
	b.WriteString("\n" + strings.Join(q.Columns(), " | ") + "\n")
	rows, err := q.Run(context.Background(), r, args, cypher.Limits{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	lines := ""
	for row, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, v := range row {
			texts = append(texts, text(v))
		}
		b.WriteString(strings.Join(texts, " | ") + "\n")
		if q.Line != "" {
			line, err := Format(q.Line, q.Columns(), row)
			if err != nil {
				t.Fatal(err)
			}
			lines += "> " + line + "\n"
		}
	}
	b.WriteString(lines + "\n")
}

// text renders a value; a list of nodes or relationships is a set, which no
// engine keeps in any order.
func text(v any) string {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return cypher.Text(v)
	}
	if _, isText := list[0].(string); isText {
		return cypher.Text(v)
	}
	parts := make([]string, len(list))
	for i, item := range list {
		parts[i] = cypher.Text(item)
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, ", ") + "}"
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with go test ./query -update and read it", err)
	}
	if string(want) != got {
		t.Errorf("the answer differs from %s:\n%s\nwant:\n%s", file, got, want)
	}
}

func TestArgumentsAreNormalized(t *testing.T) {
	for _, c := range []struct {
		typ  Type
		text string
		want any
	}{
		{"host", "WEB1.Example.COM.", "web1.example.com"},
		{"ip", "010.0.0.1", nil},
		{"ip", "FD00:0::1", "fd00::1"},
		{"ip", "::ffff:10.1.2.3", "10.1.2.3"},
		{"ip", "10.0.0.0/8", nil},
		{"subnet", "10.1.2.3/16", "10.1.0.0/16"},
		{"mac", "0:16:3e:0:0:1", "00:16:3e:00:00:01"},
		{"mac", "0016.3e00.0001", "00:16:3e:00:00:01"},
		{"mac", "00-16-3E-00-00-01", "00:16:3e:00:00:01"},
		{"mac", "00:16:3e", nil},
		{"regexp", "ssh[", nil},
		{"integer", "12", int64(12)},
		{"integer", "twelve", nil},
		{"port", "0", nil},
		{"port", "65536", nil},
		{"port", "22", int64(22)},
		{"host", "bad name", nil},
		{"hosts", " ", nil},
		{"duration", "a while", nil},
	} {
		got, err := c.typ.normalize(c.text)
		if c.want == nil && err == nil {
			t.Errorf("%s %q is taken as %v", c.typ, c.text, got)
		}
		if c.want != nil && got != c.want {
			t.Errorf("%s %q: %v (%v), want %v", c.typ, c.text, got, err, c.want)
		}
	}
}

func TestWrongUseIsExplained(t *testing.T) {
	c := load(t)
	if _, err := c.Find("findipp"); err == nil || !strings.Contains(err.Error(), "did you mean findip?") {
		t.Error(err)
	}
	q, err := c.Find("findip")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []map[string]string{{}, {"ip": "10.1"}, {"ip": "10.0.0.1", "mac": "x"}} {
		if _, err := q.Bind(args); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}

func TestASiteAddsAndReplacesQueriesAndLearnsWhatIsWrong(t *testing.T) {
	c, err := Load(fstest.MapFS{
		"mine.cypher":       {Data: []byte("// short: names\n// args: n:integer=1\nMATCH (s:System) RETURN s.name LIMIT $n")},
		"down.cypher":       {Data: []byte("// short: ours\nRETURN 1 AS one")},
		"broken.cypher":     {Data: []byte("// short: broken\nMATCH (s RETURN s")},
		"unused.cypher":     {Data: []byte("// short: x\n// args: n:integer\nRETURN 1 AS one")},
		"undeclared.cypher": {Data: []byte("// short: x\nRETURN $n AS one")},
		"headless.cypher":   {Data: []byte("RETURN 1 AS one")},
		"typo.cypher":       {Data: []byte("// short: x\n// args: n:intger\nRETURN $n AS one")},
		"README":            {Data: []byte("not a query")},
	})
	for _, file := range []string{"broken", "unused", "undeclared", "headless", "typo"} {
		if err == nil || !strings.Contains(err.Error(), file+".cypher") {
			t.Errorf("nothing is said of %s.cypher: %v", file, err)
		}
	}
	if q, err := c.Find("mine"); err != nil || !q.Site {
		t.Error("the site's query is missing", err)
	}
	if q, err := c.Find("down"); err != nil || q.Short != "ours" {
		t.Error("the site's query does not replace ours", err)
	}
}

func TestCompletionOffersRealValues(t *testing.T) {
	s := newSite()
	s.build()
	r := s.view(t, graphtest.NewMem())
	got, err := Type("host").Complete(context.Background(), r, "WE")
	if err != nil || !slices.Equal(got, []string{"web1", "web2"}) {
		t.Error(got, err)
	}
	if got, err := Type("integer").Complete(context.Background(), r, ""); err != nil || got != nil {
		t.Error(got, err)
	}
}

func TestTemplateLines(t *testing.T) {
	columns := []string{"a", "b", "c"}
	row := []any{"x", nil, []any{int64(1), "y"}}
	for template, want := range map[string]string{
		"${a}: ${b} (${c})": "x: - (1, y)",
		"costs $5":          "costs $5",
		"":                  "",
	} {
		if got, err := Format(template, columns, row); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", template, got, err, want)
		}
	}
	for _, bad := range []string{"${a", "${z}"} {
		if _, err := Format(bad, columns, row); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
