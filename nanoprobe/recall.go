package nanoprobe

import (
	"sync"
	"time"

	"assim/discovery"
	"assim/discovery/all"
	"assim/wire"
)

// recallPatience is how long what the nanoprobe before this one said is waited
// for. Without it what this one sees is told.
const recallPatience = 2 * time.Minute

// maxRecalled bounds what is taken of it.
const maxRecalled = 1 << 20

// recall is what became of one document that goes on from what the nanoprobe
// before this one said:
//
//	open ─the CMA wants it, and has another─▶ asked ─it came─▶ came ─the next look─▶ done
//	  └───the CMA has the same, or none───────────────────────────────────────────────▲
//
// It is not told before it is done, or pairs that were seen yesterday would
// vanish for a moment.
type recall struct {
	state recallState
	ref   wire.DocRef // what the CMA has
	since time.Time   // when it was asked for
	held  bool        // there is something to tell
}

type recallState uint8

const (
	recallOpen recallState = iota
	recallAsked
	recallCame
	recallDone
)

// recalls are those of all types that resume.
type recalls struct {
	of map[name]*recall // of the loop alone

	mu   sync.Mutex
	text map[string][]byte // by type, for the looks
}

// recalling is the host with what is known from before. See discovery.Recaller.
type recalling struct {
	discovery.Host
	*recalls
}

// Recalled returns what this system said last of a type, nil when nothing is
// known.
func (r *recalls) Recalled(typ string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text[typ]
}

// keep has it for the looks.
func (r *recalls) keep(text map[string][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = text
}

// recall returns that of a document, nil for one that does not resume.
func (r *recalls) recall(which name) *recall {
	if one := r.of[which]; one != nil {
		return one
	}
	if t, ok := all.Find(which.typ); !ok || !t.Resumes {
		return nil
	}
	if r.of == nil {
		r.of = map[name]*recall{}
	}
	r.of[which] = &recall{}
	return r.of[which]
}

// wants sends documents that the CMA asks for.
func (n *Nanoprobe) wants(now time.Time, refs []wire.DocRef) {
	for _, r := range refs {
		which := name{r.Type, r.Instance}
		switch one := n.recalls.recall(which); {
		case n.docs.of[which] == nil || one != nil && (one.state == recallAsked || one.state == recallCame):
			continue
		case one != nil && one.state == recallOpen && r.Hash != wire.Hash{}:
			one.state, one.ref, one.since = recallAsked, r, now
			n.session.Recall(r)
			continue
		case one != nil:
			one.state = recallDone
		}
		n.wanted(which, r)
	}
}

// wanted sends a document to a CMA that has the version r.
func (n *Nanoprobe) wanted(which name, r wire.DocRef) {
	if _, doc := n.docs.wanted(r); doc != nil {
		n.put(which, doc)
	}
}

// recalled takes in what the CMA has of a document; empty: nothing.
func (n *Nanoprobe) recalled(now time.Time, r wire.DocRef, text []byte) {
	which := name{r.Type, r.Instance}
	one := n.recalls.recall(which)
	n.session.Recalled(r)
	if one == nil || one.state != recallAsked {
		return
	}
	if len(text) == 0 || len(text) > maxRecalled {
		one.state = recallDone
		n.wanted(which, one.ref)
		return
	}
	one.state = recallCame
	n.recalls.keep(map[string][]byte{r.Type: text})
	n.schedule.Happened(now, discovery.Resumed)
}

// holds reports whether a document that was looked at is not to be told as any
// other is. changed says that there is something to tell.
func (n *Nanoprobe) holds(now time.Time, which name, changed bool) bool {
	one := n.recalls.recall(which)
	if one == nil || one.state == recallDone {
		return false
	}
	one.held = one.held || changed
	switch {
	case one.state == recallAsked && now.Sub(one.since) > recallPatience:
		n.session.Recalled(one.ref)
	case one.state != recallCame:
		return true
	}
	one.state = recallDone
	n.recalls.keep(nil)
	if doc := n.docs.of[which]; doc.hash == one.ref.Hash {
		n.docs.stored(one.ref) // The CMA has it, and need not hear of it.
	} else {
		n.wanted(which, one.ref)
	}
	return true
}

// release tells what was held for an answer that is not needed: the CMA has
// heard the hashes, and wants nothing, so that it has the same.
func (n *Nanoprobe) release() {
	if !n.docs.tellAt.IsZero() || !n.session.Quiet() {
		return
	}
	for which, one := range n.recalls.of {
		if doc := n.docs.of[which]; one.state == recallOpen && doc != nil {
			one.state = recallDone
			if one.held {
				n.put(which, doc)
			}
		}
	}
}
