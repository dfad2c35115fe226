package resting

import (
	"testing"

	"assim/discovery/discoverytest"
	"assim/graph"
)

func TestADocumentSaysWhatRestsUntilWhenAndWhy(t *testing.T) {
	system := graph.Key{Label: graph.System, ID: "n-1"}
	c, err := toGraph(system, []byte(`{"types":[{"type":"packages","until":"2026-11-25T09:00:00Z","cost_ms":2100}]}`))
	const want = `(DiscoveryType:packages) {"name":"packages"}
(System:n-1)-[:RESTS {"cost_ms":2100,"until":"2026-11-25T09:00:00Z"}]->(DiscoveryType:packages)
`
	if got := discoverytest.Text(c); err != nil || got != want {
		t.Errorf("%v, and\n%swant\n%s", err, got, want)
	}
	for _, bad := range []string{"", "null", "12", `{"types":[{"type":""}]}`, `{"types":[`} {
		if _, err := toGraph(system, []byte(bad)); err == nil {
			t.Errorf("graph took %q for a document", bad)
		}
	}
}

func FuzzGraph(f *testing.F) {
	f.Add([]byte(`{"types":[{"type":"packages","until":"2026-11-25T09:00:00Z","cost_ms":2100}]}`))
	discoverytest.Fuzz(f, Plugin)
}
