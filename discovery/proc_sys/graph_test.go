package proc_sys

import (
	"strings"
	"testing"

	"assim/discovery/discoverytest"
	"assim/graph"
)

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func TestSystemsSetAlikeShareOneSetWhateverTheirNames(t *testing.T) {
	doc := func(host, forward string) []byte {
		return []byte(`{"settings":{"kernel.hostname":"` + host + `","net.ipv4.conf.eth0.rp_filter":` + forward + `,"net.ipv4.conf.all.rp_filter":2,"net.ipv6.ioam6_id_wide":72057594037927935,"net.ipv4.ip_forward":` + forward + `}}`)
	}
	set := func(doc []byte) graph.Key {
		c, err := Graph(graph.Key{Label: graph.System, ID: "n-1"}, doc)
		if err != nil {
			t.Fatal(err)
		}
		return c.Rels[0].To
	}
	a, b, other := set(doc("a", "1")), set(doc("b", "1")), set(doc("b", "0"))
	if a != b || a == other {
		t.Errorf("sets %v, %v and %v: want two alike and another", a, b, other)
	}
	shared, err := Shared(doc("a", "1"))
	if err != nil {
		t.Fatal(err)
	}
	text := discoverytest.Text(shared)
	if shared.Source != "proc_sys/"+a.ID || !strings.Contains(text, `(Setting:net.ipv4.ip_forward=1) {"name":"net.ipv4.ip_forward","value":"1"}`) ||
		!strings.Contains(text, "net.ipv4.conf.all.rp_filter=2") || !strings.Contains(text, "wide=72057594037927935") || strings.Contains(text, "hostname") || strings.Contains(text, "eth0") {
		t.Errorf("source %s:\n%s", shared.Source, text)
	}
}
