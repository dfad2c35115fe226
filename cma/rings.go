package cma

import (
	"encoding/binary"
	"fmt"
	"time"

	"assim/graph"
	"assim/ring"
	"assim/verdict"
	"assim/wire"
)

// ringWriter keeps the rings and incidents in the graph: it notes which rings
// have changed and writes each of them a moment later, once for many changes.
type ringWriter struct {
	of    map[wire.ID][3]uint64 // the rings each system was last written in
	dirty map[uint64]bool
	open  []verdict.Incident
	since time.Time // when the first of dirty changed
	due   time.Time
}

// ringEach is how much later all rings are written for each that has changed,
// up to ringMost: while a site starts, each changes all the time.
const (
	ringEach = 20 * time.Millisecond
	ringMost = 5 * time.Second
	// ringCrush is the bound while many wait to be taken in: they come first.
	ringCrush = time.Minute
)

// touched notes that a system may have come to, left, or changed in rings.
func (w *ringWriter) touched(now time.Time, id wire.ID, m ring.Membership) {
	if w.of == nil {
		w.of, w.dirty = map[wire.ID][3]uint64{}, map[uint64]bool{}
	}
	old := w.of[id]
	in := [3]uint64{m.Home, m.Deputy, m.Top}
	for _, r := range append(old[:], in[:]...) {
		if r != 0 {
			w.dirty[r] = true
		}
	}
	if in == [3]uint64{} {
		delete(w.of, id)
	} else {
		w.of[id] = in
	}
	if w.due.IsZero() {
		w.since = now
	}
	w.due = w.since.Add(min(ringDelay+time.Duration(len(w.dirty))*ringEach, ringMost))
}

// know notes in which rings a system was stored.
func (w *ringWriter) know(id wire.ID, m ring.Membership) {
	if w.of == nil {
		w.of, w.dirty = map[wire.ID][3]uint64{}, map[uint64]bool{}
	}
	w.of[id] = [3]uint64{m.Home, m.Deputy, m.Top}
}

func (w *ringWriter) incidents(list []verdict.Incident) { w.open = append(w.open, list...) }

// flush writes what is due. What finds the queue full is tried again.
func (w *ringWriter) flush(now time.Time, b *brain) {
	for len(w.open) > 0 {
		in := w.open[0]
		if !b.write(incidentChange(&in)) {
			return
		}
		w.open = w.open[1:]
	}
	if w.due.IsZero() || now.Before(w.due) {
		return
	}
	if b.backlog() > crushFrom && now.Sub(w.since) < ringCrush {
		w.due = now.Add(ringDelay)
		return
	}
	w.due = time.Time{}
	for r := range w.dirty {
		if !b.write(ringChange(now, b, r)) {
			w.due = now.Add(pauseTime)
			return
		}
		delete(w.dirty, r)
	}
}

// write hands a change of the brain's own to the committer; false when its
// queue is full.
func (b *brain) write(c graph.Change) bool {
	done := func(err error) {
		if err != nil {
			b.health.failed("storing "+c.Source, err)
		}
	}
	select {
	case b.commits.queue <- commit{changes: []graph.Change{c}, done: done}:
		return true
	default:
		return false
	}
}

var levelNames = [...]string{"switch", "subnet", "top"}

// ringChange is a ring as it is now: its members with their places, and who
// heartbeats with whom.
func ringChange(now time.Time, b *brain, id uint64) graph.Change {
	key := graph.Key{Label: graph.Ring, ID: fmt.Sprintf("%016x", id)}
	change := graph.Change{Source: "cma/ring/" + key.ID, At: now}
	info, ok := b.auth.Plan().Ring(id)
	if !ok || len(info.Members) == 0 {
		change.Records = []graph.Record{{Bucket: ringBucket, Name: key.ID}}
		return change
	}
	level := levelNames[min(int(info.Level), len(levelNames)-1)]
	change.Nodes = []graph.Node{{Key: key, Props: graph.P(
		"name", b.ringName(info), "level", level, "size", len(info.Members), "version", info.Version, "switch", info.Switch, "subnet", subnetText(info))}}
	var alive []wire.ID
	for i, m := range info.Members {
		r, _ := b.auth.Record(m)
		change.Rels = append(change.Rels, graph.Rel{From: systemKey(m), Type: graph.MemberOf, To: key,
			Props: graph.P("position", i, "deputy", r.Home == id && (r.Deputy != 0 || r.Top != 0))})
		if b.auth.Status(m) == verdict.Up {
			alive = append(alive, m)
		}
	}
	for i, m := range alive {
		next := alive[(i+1)%len(alive)]
		if len(alive) < 2 || len(alive) == 2 && i == 1 {
			break
		}
		change.Rels = append(change.Rels, graph.Rel{From: systemKey(m), Type: graph.Watches, To: systemKey(next), ID: key.ID,
			Props: graph.P("ring", b.ringName(info), "level", level)})
	}
	change.Records = []graph.Record{{Bucket: ringBucket, Name: key.ID, Value: binary.BigEndian.AppendUint32(nil, info.Version)}}
	return change
}

func systemKey(id wire.ID) graph.Key { return graph.Key{Label: graph.System, ID: id.String()} }

func subnetText(i ring.Info) string {
	if !i.Subnet.IsValid() {
		return ""
	}
	return i.Subnet.String()
}

// ringName is what people call a ring.
func (b *brain) ringName(i ring.Info) string {
	switch {
	case i.Switch != "":
		return fmt.Sprintf("%s #%x", b.auth.Place(i.Switch), uint16(i.Ring))
	case i.Subnet.IsValid():
		return fmt.Sprintf("%s #%x", i.Subnet, uint16(i.Ring))
	}
	return "top"
}

// incidentChange is an incident as people and queries see it.
func incidentChange(in *verdict.Incident) graph.Change {
	key := graph.Key{Label: graph.Incident, ID: in.ID}
	state, at := "open", in.Opened
	if !in.Closed.IsZero() {
		state, at = "closed", in.Closed
	}
	props := graph.P("kind", string(in.Kind), "state", state, "name", in.Name, "cause", in.Cause, "about", in.About,
		"since", in.Since, "opened", in.Opened, "evidence", in.Evidence, "confidence", in.Confidence,
		"superseded_by", in.Superseded, "text", fmt.Sprintf("%s: %s", in.Kind, in.Name))
	if state == "closed" {
		props["closed"] = in.Closed.UTC().Format(time.RFC3339Nano)
	}
	change := graph.Change{Source: "cma/incident/" + in.ID, At: at, Nodes: []graph.Node{{Key: key, Props: props}}}
	for _, id := range in.Systems {
		change.Rels = append(change.Rels, graph.Rel{From: key, Type: graph.About, To: systemKey(id)})
	}
	return change
}
