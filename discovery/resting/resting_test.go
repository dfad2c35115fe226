package resting

import (
	"testing"

	"assim/discovery"
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
	for _, bad := range []string{"", "null", "12", `{"types":[{"type":""}]}`, `{"failing":[{"type":""}]}`, `{"types":[`} {
		if _, err := toGraph(system, []byte(bad)); err == nil {
			t.Errorf("graph took %q for a document", bad)
		}
	}
}

func TestADocumentSaysWhatFailsWhyAndSinceWhen(t *testing.T) {
	c, err := toGraph(graph.Key{Label: graph.System, ID: "n-1"}, []byte(`{"types":[{"type":"arp","cost_ms":40}],"failing":[{"type":"arp","error":"gone","since":"2026-11-25T09:00:00Z"}]}`))
	const want = `(DiscoveryType:arp) {"name":"arp"}
(System:n-1)-[:FAILS {"error":"gone","since":"2026-11-25T09:00:00Z"}]->(DiscoveryType:arp)
(System:n-1)-[:RESTS {"cost_ms":40}]->(DiscoveryType:arp)
`
	if got := discoverytest.Text(c); err != nil || got != want {
		t.Errorf("%v, and\n%swant\n%s", err, got, want)
	}
}

// troubled is a nanoprobe whose types do not look as they are to.
type troubled struct{ discovery.Host }

func (troubled) Rests() []discovery.Rest { return []discovery.Rest{{Type: "packages", CostMS: 300}} }

func (troubled) Failures() []discovery.Failure {
	return []discovery.Failure{{Type: "arp", Error: "gone", Since: "2026-11-25T09:00:00Z"}}
}

func TestTheNanoprobesTroublesAreTheDocument(t *testing.T) {
	payload, err := Type.Collect(t.Context(), troubled{})
	if err != nil {
		t.Fatal(err)
	}
	doc, _, err := discovery.Canonical(payload)
	const want = `{"failing":[{"error":"gone","since":"2026-11-25T09:00:00Z","type":"arp"}],"types":[{"cost_ms":300,"type":"packages"}]}`
	if string(doc) != want || err != nil {
		t.Errorf("%s, %v, want\n%s", doc, err, want)
	}
}

func FuzzGraph(f *testing.F) {
	f.Add([]byte(`{"types":[{"type":"packages","until":"2026-11-25T09:00:00Z","cost_ms":2100}],"failing":[{"type":"arp","error":"gone","since":"2026-11-25T09:00:00Z"}]}`))
	discoverytest.Fuzz(f, Plugin)
}
