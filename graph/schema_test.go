package graph_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"assim/graph"
)

var (
	relLine  = regexp.MustCompile(`^\((\w*):[^{]*?\)-\[:([A-Z_]+)(?: [^{\]]*)?(\{.*\})?\]->\((\w*):`)
	nodeLine = regexp.MustCompile(`^\((\w*):.*?\)(?::\w+)*(?: (\{.*\}))?$`)
)

// schema is what schema.go says, for looking up.
type schema struct {
	labels map[string]graph.LabelDoc
	rels   map[[3]string]graph.RelDoc
}

func readSchema() schema {
	s := schema{map[string]graph.LabelDoc{}, map[[3]string]graph.RelDoc{}}
	for _, l := range graph.Labels {
		s.labels[l.Label] = l
	}
	for _, r := range graph.Rels {
		s.rels[[3]string{r.From, r.Type, r.To}] = r
	}
	return s
}

func TestTheSchemaKnowsWhatDiscoverySays(t *testing.T) {
	goldens, err := filepath.Glob("../discovery/*/testdata/*.graph")
	if err != nil || len(goldens) == 0 {
		t.Fatalf("no discovered graphs to compare with: %v", err)
	}
	s := readSchema()
	lines := 0
	for _, path := range goldens {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		scan := bufio.NewScanner(f)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			if line := scan.Text(); line != "" {
				s.check(t, path, line)
				lines++
			}
		}
		f.Close()
		if err := scan.Err(); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	t.Logf("%d nodes and relationships of %d discovered graphs", lines, len(goldens))
}

// TestWhatTheSchemaTellsOfIsWritten is the other direction: a property that no
// discovered graph shows is at least named where graphs are made.
func TestWhatTheSchemaTellsOfIsWritten(t *testing.T) {
	shown, code := shownProps(t), writers(t)
	look := func(of string, props map[string]string) {
		for name := range props {
			if !shown[of+"."+name] && !strings.Contains(code, `"`+name+`"`) && !strings.Contains(code, "AS "+name) && !strings.Contains(code, `"`+name+`,omitempty"`) {
				t.Errorf("schema.go tells of %s.%s, which nothing writes: take it out, or end the meaning of what has it with graph.Unwritten", of, name)
			}
		}
	}
	for _, l := range graph.Labels {
		if !strings.HasSuffix(l.Meaning, graph.Unwritten) {
			look(l.Label, l.Props)
		}
	}
	for _, r := range graph.Rels {
		look(r.Type, r.Props)
	}
}

// shownProps are the properties in the discovered graphs, as "NIC.mtu".
func shownProps(t *testing.T) map[string]bool {
	t.Helper()
	goldens, err := filepath.Glob("../discovery/*/testdata/*.graph")
	if err != nil || len(goldens) == 0 {
		t.Fatalf("no discovered graphs: %v", err)
	}
	shown := map[string]bool{}
	for _, path := range goldens {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			of, props := "", ""
			if m := relLine.FindStringSubmatch(line); m != nil {
				of, props = m[2], m[3]
			} else if m := nodeLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				of, props = m[1], m[2]
			}
			var values map[string]any
			if props == "" || json.Unmarshal([]byte(props), &values) != nil {
				continue
			}
			for name := range values {
				shown[of+"."+name] = true
			}
		}
	}
	return shown
}

// writers is the code that makes graphs.
func writers(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range []string{"../discovery", "../cma", "derive"} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".cypher") {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

func (s schema) check(t *testing.T, path, line string) {
	t.Helper()
	if m := relLine.FindStringSubmatch(line); m != nil {
		doc, ok := s.rels[[3]string{m[1], m[2], m[4]}]
		if !ok {
			t.Errorf("%s: schema.go does not know (%s)-[%s]->(%s)", path, m[1], m[2], m[4])
		}
		checkProps(t, path, m[2], m[3], doc.Props)
		return
	}
	m := nodeLine.FindStringSubmatch(line)
	if m == nil {
		t.Errorf("%s: what is %q?", path, line)
		return
	}
	doc, ok := s.labels[m[1]]
	if !ok {
		t.Errorf("%s: schema.go does not know label %s", path, m[1])
	}
	if strings.HasSuffix(doc.Meaning, graph.Unwritten) {
		t.Errorf("%s: schema.go says of %s that nothing writes it", path, m[1])
	}
	checkProps(t, path, m[1], m[2], doc.Props)
}

func checkProps(t *testing.T, path, of, text string, known map[string]string) {
	t.Helper()
	if text == "" {
		return
	}
	var props map[string]any
	if err := json.Unmarshal([]byte(text), &props); err != nil {
		t.Errorf("%s: properties %s of %s: %v", path, text, of, err)
	}
	for name := range props {
		if known[name] == "" {
			t.Errorf("%s: schema.go does not know property %s of %s", path, name, of)
		}
	}
}

func TestTheSchemaHoldsTogether(t *testing.T) {
	s := readSchema()
	for _, l := range graph.Labels {
		for _, p := range l.Index {
			if l.Props[p] == "" {
				t.Errorf("%s: indexed property %s has no meaning", l.Label, p)
			}
		}
		if l.Meaning == "" || l.ID == "" {
			t.Errorf("label %s lacks a meaning or an identity", l.Label)
		}
	}
	if len(s.labels) != len(graph.Labels) || len(s.rels) != len(graph.Rels) {
		t.Error("a label or relationship is there twice")
	}
	for _, r := range graph.Rels {
		for _, end := range []string{r.From, r.To} {
			if _, ok := s.labels[end]; !ok {
				t.Errorf("%s ends at label %s, which is not described", r.Type, end)
			}
		}
	}
}
