package discoverytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assim/discovery"
	"assim/graph"
)

var update = flag.Bool("update", false, "write the goldens anew, then read the difference as if it were code")

// system is who the goldens are about.
var system = graph.Key{Label: graph.System, ID: "n-0123456789abcdef0123456789abcdef"}

// Run holds a type to what every type promises: for each recorded host under
// testdata the document and its piece of graph equal the goldens beside it, the
// same host gives the same bytes twice, and Graph answers garbage with an error.
func Run(t *testing.T, plugin discovery.Plugin) {
	t.Helper()
	typ := *plugin.Of
	describes(t, plugin)
	trees, err := recorded("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(trees) == 0 {
		t.Fatalf("%s: testdata holds no recorded host; record one from a real machine", typ.Name)
	}
	for _, tree := range trees {
		t.Run(filepath.Base(tree), func(t *testing.T) { runTree(t, plugin, tree) })
	}
	t.Run("garbage", func(t *testing.T) { refusesGarbage(t, plugin) })
}

// recorded lists the trees: directories, and hosts that are only answers. Fuzz
// and pcap hold bytes for the parsers.
func recorded(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var trees []string
	for _, e := range entries {
		name, ofHost := strings.CutSuffix(e.Name(), ".host.json")
		if (e.IsDir() || ofHost) && e.Name() != "fuzz" && e.Name() != "pcap" {
			trees = append(trees, filepath.Join(dir, name))
		}
	}
	slices.Sort(trees)
	return slices.Compact(trees), nil
}

func describes(t *testing.T, plugin discovery.Plugin) {
	t.Helper()
	typ := plugin.Of
	switch {
	case typ.Name == "" || typ.Name != strings.ToLower(typ.Name):
		t.Errorf("a type's name is its folder's, lower case; it is %q", typ.Name)
	case typ.Short == "":
		t.Errorf("%s: Short is empty; one line tells people what the type is about", typ.Name)
	case (typ.Collect == nil) == (typ.Make == nil):
		t.Errorf("%s: exactly one of Collect and Make is set", typ.Name)
	case typ.Every == 0 && len(typ.On) == 0 && len(typ.Files) == 0:
		t.Errorf("%s: no interval, no trigger, no file: it would be looked at only once", typ.Name)
	case len(plugin.About.Reads) == 0 || len(plugin.About.Keys) == 0:
		t.Errorf("%s: About says what it reads and which keys it prints", typ.Name)
	}
}

func runTree(t *testing.T, plugin discovery.Plugin, tree string) {
	h, err := Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	doc := collect(t, *plugin.Of, h)
	if again := collect(t, *plugin.Of, h); !bytes.Equal(doc, again) {
		t.Errorf("the same host gives two documents:\n%s\n%s", doc, again)
	}
	golden(t, tree+".json", indented(doc))
	if plugin.Graph == nil || doc == nil {
		return
	}
	change, err := plugin.Graph(system, doc)
	if err != nil {
		t.Fatalf("graph: %v", err)
	}
	if change.Source != "" || !change.At.IsZero() || change.Document != nil {
		t.Error("a graph plugin leaves Source, At and Document to its caller")
	}
	golden(t, tree+".graph", []byte(Text(change)))
}

// collect returns the canonical document, nil for ErrNotHere.
func collect(t *testing.T, typ discovery.Type, h discovery.Host) []byte {
	t.Helper()
	payload, err := typ.Collector()(context.Background(), h)
	if errors.Is(err, discovery.ErrNotHere) {
		return nil
	}
	if err != nil {
		t.Fatalf("collect: %v", err)
	}
	doc, _, err := discovery.Canonical(payload)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func refusesGarbage(t *testing.T, plugin discovery.Plugin) {
	if plugin.Graph == nil {
		return
	}
	for _, doc := range []string{"", "null x", "{", `"text"`, "[1,2", `{"a":`, "\x00\xff", "12"} {
		if _, err := plugin.Graph(system, []byte(doc)); err == nil {
			t.Errorf("graph took %q for a document", doc)
		}
	}
}

// Fuzz feeds Graph with damaged documents, starting from the goldens: it may
// refuse them and may not panic, and what it makes is deterministic.
func Fuzz(f *testing.F, plugin discovery.Plugin) {
	goldens, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range goldens {
		if strings.HasSuffix(name, ".host.json") {
			continue
		}
		doc, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		one, err := plugin.Graph(system, doc)
		if err != nil {
			return
		}
		if two, _ := plugin.Graph(system, doc); Text(one) != Text(two) {
			t.Errorf("two readings of %q differ", doc)
		}
	})
}

func indented(doc []byte) []byte {
	if doc == nil {
		return []byte("nothing of this kind here\n")
	}
	var out bytes.Buffer
	if err := json.Indent(&out, doc, "", "  "); err != nil {
		return doc
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v (write it with -update, and read it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (write it anew with -update, and read the difference)\n%s", name, difference(string(want), string(got)))
	}
}

// difference shows the lines that one side has and the other has not.
func difference(want, got string) string {
	const shown = 40
	var out []string
	lines := func(sign, a, b string) {
		have := map[string]int{}
		for l := range strings.Lines(b) {
			have[l]++
		}
		for l := range strings.Lines(a) {
			if have[l]--; have[l] < 0 && len(out) < shown {
				out = append(out, sign+" "+strings.TrimRight(l, "\n"))
			}
		}
	}
	lines("-", want, got)
	lines("+", got, want)
	return strings.Join(out, "\n")
}

// Text writes a Change for people: one line per node and relationship, in
// order of key.
func Text(c graph.Change) string {
	var lines []string
	for _, n := range c.Nodes {
		lines = append(lines, fmt.Sprintf("(%s)%s%s", n.Key, labels(n.Labels), props(n.Props)))
	}
	for _, r := range c.Rels {
		id := ""
		if r.ID != "" {
			id = " " + r.ID
		}
		lines = append(lines, fmt.Sprintf("(%s)-[:%s%s%s]->(%s)", r.From, r.Type, id, props(r.Props), r.To))
	}
	slices.Sort(lines)
	text := strings.Join(lines, "\n")
	if text != "" {
		text += "\n"
	}
	return strings.ReplaceAll(text, system.ID, "ME")
}

func labels(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " :" + strings.Join(list, ":")
}

func props(p graph.Props) string {
	if len(p) == 0 {
		return ""
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err.Error()
	}
	return " " + string(text)
}
