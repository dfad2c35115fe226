package cypher

import (
	"slices"
	"testing"

	"assim/graph"
)

// asked counts how often it is asked which names there are.
type asked struct {
	graph.Reader
	props int
	other int
}

func (a *asked) Labels() []string {
	a.other++
	return a.Reader.Labels()
}

func (a *asked) RelTypes() []string {
	a.other++
	return a.Reader.RelTypes()
}

func (a *asked) PropNames() []string {
	a.props++
	return a.Reader.PropNames()
}

// A store may look at every node to tell which properties there are.
func TestARightQuestionDoesNotAskForAllProperties(t *testing.T) {
	w := newWorld()
	defer w.close()
	q, err := Parse("MATCH (s:System {name: 'x'})-[r:HAS_NIC]->(n) WHERE n.mac = 'y' AND s.serial = 'z' RETURN s.status, n.mtu")
	if err != nil {
		t.Fatal(err)
	}
	r := &asked{Reader: w.view()}
	if q.Notes(r, true); r.props+r.other > 0 {
		t.Errorf("with rows: asked %d times", r.props+r.other)
	}
	if q.Notes(r, false); r.props > 0 || r.other == 0 {
		t.Errorf("without: asked %d times for properties, %d for the rest", r.props, r.other)
	}
}

func TestNotesTellWhyThereIsNoAnswer(t *testing.T) {
	w := newWorld()
	defer w.close()
	if err := w.execute("CREATE (:System {name: 'web', status: 'up', site: 'x'})-[:HAS_NIC]->(:NIC {ifname: 'eth0', mtu: 1500, mac: 'x'})"); err != nil {
		t.Fatal(err)
	}
	r := &asked{Reader: w.view()}
	for _, c := range []struct {
		text  string
		notes []string
	}{
		{"MATCH (s:System) WHERE s.name = 'no' RETURN s", nil},
		{"MATCH (s:System) WHERE s.stauts = 'up' RETURN s", []string{"there is no property stauts; did you mean status?"}},
		{"MATCH (s:System {nmae: 'web'}) RETURN s.name, s.nmae", []string{"there is no property nmae; did you mean name?"}},
		{"MATCH (:System {nmae: 'web'})--(:NIC {mtuu: 1}) RETURN 1", []string{"there is no property nmae; did you mean name?", "there is no property mtuu; did you mean mtu?"}},
		{"MATCH (s) WHERE s.nmae = 'web' RETURN s", []string{"there is no property nmae; did you mean name?"}},
		{"MATCH (s:System) RETURN s {.nmae, .status}", []string{"there is no property nmae; did you mean name?"}},
		{"MATCH (s:System) WHERE s.mtu > 1500 RETURN s", []string{"the schema has no mtu of System, but of NIC"}},
		{"MATCH (n:NIC {name: 'eth0'}) RETURN n", []string{"the schema has no name of NIC; did you mean ifname?"}},
		{"MATCH (s:System) WHERE s.serial = 'x' RETURN s", nil}, // what the schema knows may be nobody's
		{"MATCH (:Subnet) MATCH (s:System) WHERE s.serial = 'x' RETURN s", []string{"the graph has no label Subnet at this time"}},
		{"MATCH (:System)-[r:HAS_NIC {qqqqqqqq: 1}]->() RETURN r", []string{"there is no property qqqqqqqq; assim schema HAS_NIC lists what there is"}},
		{"MATCH (s:System {site: 'y'}) RETURN s.site", nil}, // a site's own
		{"UNWIND [{nmae: 1}] AS row MATCH (s:System {name: row.nmae}) RETURN s, datetime('2026-01-01T00:00').yaer", nil},
		{"MATCH (n:Widget) WHERE n.name = 'x' RETURN n", []string{"there is no label Widget; assim schema lists what there is"}},
	} {
		q, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Notes(r, false); !slices.Equal(got, c.notes) {
			t.Errorf("%s\n%q\nwant %q", c.text, got, c.notes)
		}
	}
}
