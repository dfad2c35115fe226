package session

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"assim/wire"
)

var start = time.Unix(1_700_000_000, 0)

// world is one nanoprobe, one CMA and a network between them on a virtual
// clock. What arrives at the CMA is committed a little later; what is durable
// survives its death.
type world struct {
	t    *testing.T
	rng  *rand.Rand
	now  time.Time
	loss float64 // part of the datagrams that get lost
	dup  float64 // part that arrive twice
	lag  time.Duration

	node     *Node
	fresh    int          // answers that proved the CMA
	session  wire.Session // durable at the nanoprobe
	nodeSent int

	cma   *CMA
	mark  Mark     // durable at the CMA
	log   []string // what was made durable, in order
	docs  map[string]wire.Hash
	bases map[wire.Hash]bool // versions the CMA has
	deaf  bool               // the CMA is down

	elsewhere int           // how often another CMA was noticed
	hold      time.Duration // the CMA says so when it takes something
	commits   time.Duration // how long one takes at most
	life      int           // of the CMA: what an earlier one began is gone

	flight []arrival
	serial int
	events []Event
	tape   []tapeItem // everything that was sent to the CMA
}

type arrival struct {
	at     time.Time
	serial int
	do     func()
}

type tapeItem struct{ m wire.Signal }

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: start, lag: 20 * time.Millisecond,
		docs: map[string]wire.Hash{}, bases: map[wire.Hash]bool{}, commits: 30 * time.Millisecond,
	}
	w.startCMA()
	w.startNode()
	return w
}

var testID = wire.ID{1, 2, 3}

func (w *world) startCMA() {
	w.life++
	w.deaf = false
	w.cma = NewCMA(w.rng.Uint64() | 1)
	w.cma.Restore(w.mark)
}

func (w *world) startNode() {
	w.session++
	w.node = NewNode(w.now, DefaultOptions, w.session, rand.New(rand.NewPCG(w.rng.Uint64(), 2)))
	w.node.Announce(wire.Announce{Name: "web01"})
}

func (w *world) later(d time.Duration, do func()) {
	w.serial++
	w.flight = append(w.flight, arrival{w.now.Add(d), w.serial, do})
}

// send carries a datagram: never, once or twice, some time later.
func (w *world) send(do func()) {
	if w.rng.Float64() < w.loss {
		return
	}
	w.later(time.Duration(w.rng.Int64N(int64(w.lag)))+time.Millisecond, do)
	if w.rng.Float64() < w.dup {
		w.later(time.Duration(w.rng.Int64N(int64(10*w.lag)))+time.Millisecond, do)
	}
}

// run lets time pass until the world is quiet or d is over.
func (w *world) run(d time.Duration, until func() bool) bool {
	end := w.now.Add(d)
	for {
		w.pump()
		if until != nil && until() {
			return true
		}
		next := w.node.Deadline()
		sort.Slice(w.flight, func(i, j int) bool {
			a, b := w.flight[i], w.flight[j]
			return a.at.Before(b.at) || a.at.Equal(b.at) && a.serial < b.serial
		})
		if len(w.flight) > 0 && (next.IsZero() || w.flight[0].at.Before(next)) {
			next = w.flight[0].at
		}
		if next.IsZero() || next.After(end) {
			w.now = end
			return until != nil && until()
		}
		if next.After(w.now) {
			w.now = next
		}
		for len(w.flight) > 0 && !w.flight[0].at.After(w.now) {
			do := w.flight[0].do
			w.flight = w.flight[1:]
			do()
		}
	}
}

func (w *world) pump() {
	for range 100 {
		m, ok := w.node.Poll(w.now)
		if !ok {
			w.news()
			return
		}
		w.nodeSent++
		w.tape = append(w.tape, tapeItem{m})
		node := w.node
		w.send(func() { w.atCMA(m, node) })
	}
	w.t.Fatal("the nanoprobe never stops sending")
}

func (w *world) news() {
	for _, e := range w.node.Events() {
		w.events = append(w.events, e)
		if e.Kind == NewSession {
			w.session = e.Session
		}
	}
}

func (w *world) reply(m wire.Signal, node *Node) {
	w.send(func() {
		if node.Receive(w.now, &m) {
			w.fresh++
		}
	})
}

func (w *world) atCMA(m wire.Signal, node *Node) {
	if w.deaf {
		return
	}
	v := w.cma.Receive(w.now, testID, &m)
	if v.HasReply {
		w.reply(v.Reply, node)
	}
	if v.Elsewhere {
		w.elsewhere++
	}
	switch v.Action {
	case Glance:
		if m.Flags&wire.FlagBulk != 0 {
			ack := w.cma.Answer(testID, m.Session, 0, wire.KindAck, nil)
			ack.Slot = time.Second
			w.reply(ack, node)
		}
	case Repeat:
		w.reply(w.cma.Answer(testID, m.Session, m.Seq, wire.KindWant, w.wants(m)), node)
	case Process:
		if w.hold > 0 {
			h := w.cma.Answer(testID, m.Session, m.Seq, wire.KindHold, nil)
			h.Slot = w.hold
			w.reply(h, node)
		}
		life := w.life
		w.later(time.Duration(w.rng.Int64N(int64(w.commits))), func() {
			if w.life == life && !w.deaf {
				w.commit(m, node)
			}
		})
	}
}

func (w *world) commit(m wire.Signal, node *Node) {
	switch m.Kind {
	case wire.KindReport:
		obs, err := wire.ParseReport(m.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, o := range obs {
			w.log = append(w.log, fmt.Sprint(o.Ring))
		}
	case wire.KindDocument:
		d, err := wire.ParseDocument(m.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		if d.Encoding == wire.Patch && !w.bases[d.Base] {
			w.cma.Failed(testID, m.Session, m.Seq)
			body, _ := wire.AppendRefs(nil, []wire.DocRef{{Type: d.Type}})
			w.reply(w.cma.Answer(testID, m.Session, m.Seq, wire.KindWant, body), node)
			return
		}
		w.log = append(w.log, fmt.Sprintf("%s=%x", d.Type, d.Hash[0]))
		w.docs[d.Type], w.bases[d.Hash] = d.Hash, true
	default:
		w.log = append(w.log, fmt.Sprint("kind ", m.Kind))
	}
	w.mark = Mark{ID: testID, Session: m.Session, Seq: m.Seq}
	ack := w.cma.Committed(testID, m.Session, m.Seq)
	if m.Kind == wire.KindHashes {
		ack.Kind, ack.Body = wire.KindWant, w.wants(m)
	}
	if m.Flags&wire.FlagBulk != 0 {
		ack.Slot = time.Second
	}
	w.reply(ack, node)
}

func (w *world) wants(m wire.Signal) []byte {
	refs, err := wire.ParseRefs(m.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var want []wire.DocRef
	for _, r := range refs {
		if w.docs[r.Type] != r.Hash {
			want = append(want, wire.DocRef{Type: r.Type, Hash: w.docs[r.Type]})
		}
	}
	body, _ := wire.AppendRefs(nil, want)
	return body
}

func obs(n int) []wire.Observation {
	return []wire.Observation{{Kind: wire.ObsDead, Ring: uint64(n), About: wire.ID{byte(n), byte(n >> 8), 1}}}
}

func doc(typ string, version byte) wire.Document {
	return wire.Document{DocRef: wire.DocRef{Type: typ, Hash: wire.Hash{version}}, Encoding: wire.Zstd, Data: []byte{version}}
}

func (w *world) count(kind EventKind) (n int) {
	for _, e := range w.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}
