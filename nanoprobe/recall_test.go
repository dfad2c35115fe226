package nanoprobe

import (
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"assim/discovery"
	"assim/discovery/connections"
	"assim/session"
	"assim/wire"
	"assim/wire/pack"
)

var _ discovery.Recaller = recalling{}

// one is a nanoprobe that has looked at its connections once, and told the hash.
func one(t *testing.T) (*Nanoprobe, func(text string, after time.Duration)) {
	t.Helper()
	n := New(Config{}, slog.New(slog.DiscardHandler))
	rng := rand.New(rand.NewPCG(1, 1))
	n.session = session.NewNode(t0, session.DefaultOptions, 1, rng)
	n.schedule = discovery.NewSchedule(t0, []discovery.Type{connections.Type}, rng)
	look := func(text string, after time.Duration) {
		n.looked(t0.Add(after), look{typ: connections.Type, text: []byte(text), hash: pack.HashOf([]byte(text))})
	}
	look(`{"own":1}`, 0)
	if refs := n.docs.hashes(t0.Add(time.Second)); len(refs) != 1 {
		t.Fatalf("%v is told", refs)
	}
	return n, look
}

func TestWhatTheOneBeforeSaidIsAskedForAndNothingIsToldUntilItCame(t *testing.T) {
	ref := func(text string) wire.DocRef {
		r := wire.DocRef{Type: "connections"}
		if text != "" {
			r.Hash = pack.HashOf([]byte(text))
		}
		return r
	}
	const before, both = `{"before":1}`, `{"before":1,"own":1}`
	for _, c := range []struct {
		story string
		do    func(n *Nanoprobe, look func(string, time.Duration))
		asked bool // of the CMA, still
		told  bool // the document is on its way
	}{
		{"before the CMA says anything", func(n *Nanoprobe, look func(string, time.Duration)) { look(both, 2*time.Second) }, false, false},
		{"it has none", func(n *Nanoprobe, _ func(string, time.Duration)) { n.wants(t0, []wire.DocRef{ref("")}) }, false, true},
		{"it has the same", func(n *Nanoprobe, _ func(string, time.Duration)) { n.release() }, false, false},
		{"it has the same, and something else was seen since", func(n *Nanoprobe, look func(string, time.Duration)) {
			look(both, 2*time.Second)
			n.release()
		}, false, true},
		{"it has another", func(n *Nanoprobe, look func(string, time.Duration)) {
			n.wants(t0, []wire.DocRef{ref(before)})
			look(both, 2*time.Second)
			n.wants(t0, []wire.DocRef{ref(before)})
			n.release()
		}, true, false},
		{"it came, and makes a difference", func(n *Nanoprobe, look func(string, time.Duration)) {
			n.wants(t0, []wire.DocRef{ref(before)})
			n.recalled(t0, ref(before), []byte(before))
			look(both, 2*time.Second)
		}, false, true},
		{"it came, and all is as before", func(n *Nanoprobe, look func(string, time.Duration)) {
			n.wants(t0, []wire.DocRef{ref(before)})
			n.recalled(t0, ref(before), []byte(before))
			look(before, 2*time.Second)
		}, false, false},
		{"it does not parse or is too long: another look is all there is", func(n *Nanoprobe, _ func(string, time.Duration)) {
			n.wants(t0, []wire.DocRef{ref(before)})
			n.recalled(t0, ref(before), make([]byte, maxRecalled+1))
		}, false, true},
		{"it never came", func(n *Nanoprobe, look func(string, time.Duration)) {
			n.wants(t0, []wire.DocRef{ref(before)})
			look(`{"own":1}`, recallPatience+time.Second)
		}, false, true},
	} {
		n, look := one(t)
		c.do(n, look)
		state := n.recalls.recall(name{"connections", ""}).state
		if asked := state == recallAsked; asked != c.asked {
			t.Errorf("%s: asked %v, want %v", c.story, asked, c.asked)
		}
		if told := !n.session.Quiet() && !c.asked; told != c.told {
			t.Errorf("%s: told %v, want %v", c.story, told, c.told)
		}
		if state == recallDone && n.recalls.Recalled("connections") != nil {
			t.Errorf("%s: it is kept although it is in the memory", c.story)
		}
	}
	n, _ := one(t)
	n.wants(t0, []wire.DocRef{{Type: "os", Hash: wire.Hash{1}}})
	if n.recalls.of[name{"os", ""}] != nil {
		t.Error("what is as one sees it is recalled")
	}
}
