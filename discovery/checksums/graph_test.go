package checksums

import (
	"fmt"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
	"assim/graph"
)

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func TestSystemsWithTheSameProgramsShareTheirSetWhateverTheirConfiguration(t *testing.T) {
	doc := func(passwd string) []byte {
		return fmt.Appendf(nil, `{"files":{"/etc/passwd":%q,"/usr/sbin/sshd":%q}}`, strings.Repeat(passwd, 64), strings.Repeat("7", 64))
	}
	sets := func(doc []byte) []graph.Rel {
		c, err := Graph(graph.Key{Label: graph.System, ID: "n-1"}, doc)
		if err != nil {
			t.Fatal(err)
		}
		return c.Rels
	}
	a, b := sets(doc("a")), sets(doc("b"))
	if a[0].To != b[0].To || a[1].To == b[1].To {
		t.Errorf("%v and %v: want the same programs and other configuration", a, b)
	}
	shared, err := Shared(doc("a"))
	if err != nil {
		t.Fatal(err)
	}
	text := discoverytest.Text(shared)
	if shared.Source != "checksums/"+a[0].To.ID || !strings.Contains(text, "/usr/sbin/sshd") || strings.Contains(text, "passwd") {
		t.Errorf("source %s:\n%s", shared.Source, text)
	}
	if _, err := Graph(graph.Key{Label: graph.System, ID: "n-1"}, []byte(`{"files":{"etc":"1"}}`)); err == nil {
		t.Error("a sum of one digit was taken")
	}
}
