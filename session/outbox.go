package session

import (
	"time"

	"assim/wire"
)

// outbox is what a nanoprobe still has to say, by urgency.
type outbox struct {
	announce  []byte
	announced bool
	stopping  []byte
	reports   []noticed
	refs      []wire.DocRef
	docs      []wire.Document // in the order they were put
}

// noticed is an observation with the time it was made: how long ago that is
// depends on when it is sent.
type noticed struct {
	at  time.Time
	obs wire.Observation
}

func (o *outbox) empty() bool {
	return (o.announced || o.announce == nil) && o.stopping == nil &&
		len(o.reports) == 0 && len(o.refs) == 0 && len(o.docs) == 0
}

// take returns what to say next. At the start of a session that is the
// announcement or nothing.
func (o *outbox) take(start bool) message {
	switch {
	case start && o.announce == nil:
		return message{}
	case start || o.announce != nil && !o.announced:
		o.announced = true
		return message{kind: wire.KindAnnounce, body: o.announce}
	case len(o.reports) > 0:
		m := message{kind: wire.KindReport}
		o.refill(&m)
		return m
	case o.stopping != nil:
		m := message{kind: wire.KindStopping, body: o.stopping}
		o.stopping = nil
		return m
	case len(o.refs) > 0:
		_, rest := wire.AppendRefs(nil, o.refs)
		m := message{kind: wire.KindHashes, refs: o.refs[:len(o.refs)-len(rest)]}
		o.refs = rest
		return m
	case len(o.docs) > 0:
		m := message{kind: wire.KindDocument, doc: o.docs[0]}
		o.docs = o.docs[1:]
		return m
	}
	return message{}
}

// refill moves as many waiting observations into m as one signal holds.
func (o *outbox) refill(m *message) {
	all := append(m.report, o.reports...)
	fit := max(1, wire.FitReport(observations(time.Time{}, all), wire.MaxBody))
	m.report = all[:fit:fit]
	o.reports = append([]noticed(nil), all[fit:]...)
}

// restore puts an unacknowledged message back, behind nothing of its kind.
func (o *outbox) restore(m message) {
	switch m.kind {
	case wire.KindReport:
		o.reports = append(m.report, o.reports...)
		o.merge()
	case wire.KindStopping:
		o.stopping = m.body
	case wire.KindHashes:
		o.refs = append(m.refs[:len(m.refs):len(m.refs)], o.refs...)
	case wire.KindDocument:
		for _, d := range o.docs {
			if same(d.DocRef, m.doc.DocRef) {
				return // A newer version waits.
			}
		}
		o.docs = append([]wire.Document{m.doc}, o.docs...)
	}
}

func (o *outbox) report(now time.Time, obs []wire.Observation) (lost int) {
	for _, ob := range obs {
		o.reports = append(o.reports, noticed{at: now.Add(-ob.Ago), obs: ob})
	}
	return o.merge()
}

// merge keeps the outbox within its limit: first only the newest about each
// thing stays, then the oldest go.
func (o *outbox) merge() (lost int) {
	if len(o.reports) <= maxReports {
		return 0
	}
	type thing struct {
		about wire.ID
		ring  uint64
		link  string
		swept bool
	}
	known := make(map[thing]bool, len(o.reports))
	keep := make([]noticed, len(o.reports))
	at := len(keep)
	for i := len(o.reports) - 1; i >= 0; i-- {
		ob := o.reports[i].obs
		t := thing{ob.About, ob.Ring, ob.Link, ob.Kind == wire.ObsSwept}
		if known[t] {
			continue
		}
		known[t] = true
		at--
		keep[at] = o.reports[i]
	}
	keep = keep[at:]
	lost = max(0, len(keep)-maxReports)
	o.reports = keep[lost:]
	return lost
}

// putDoc queues d in the place of an older version, or at the end.
func (o *outbox) putDoc(d wire.Document) bool {
	for i := range o.docs {
		if same(o.docs[i].DocRef, d.DocRef) {
			o.docs[i] = d
			return true
		}
	}
	if len(o.docs) >= maxDocs {
		return false
	}
	o.docs = append(o.docs, d)
	return true
}

func (o *outbox) dropDoc(r wire.DocRef) {
	for i := range o.docs {
		if same(o.docs[i].DocRef, r) {
			o.docs = append(o.docs[:i], o.docs[i+1:]...)
			return
		}
	}
}

// same reports whether two refs name versions of one document.
func same(a, b wire.DocRef) bool { return a.Type == b.Type && a.Instance == b.Instance }

func (m *message) encode(now time.Time) []byte {
	switch m.kind {
	case wire.KindReport:
		return encodeReport(now, m.report)
	case wire.KindHashes:
		b, _ := wire.AppendRefs(nil, m.refs)
		return b
	case wire.KindDocument:
		return wire.AppendDocument(nil, &m.doc)
	}
	return m.body
}

func encodeReport(now time.Time, report []noticed) []byte {
	return wire.AppendReport(nil, observations(now, report))
}

// observations returns what was noticed as it is told at now; without a time
// Ago is left at its longest, to measure.
func observations(now time.Time, report []noticed) []wire.Observation {
	obs := make([]wire.Observation, len(report))
	for i, r := range report {
		obs[i] = r.obs
		obs[i].Ago = longAgo
		if !now.IsZero() {
			obs[i].Ago = min(max(0, now.Sub(r.at)), longAgo)
		}
	}
	return obs
}

// longAgo is the greatest age of an observation: what is older is as old.
const longAgo = 30 * 24 * time.Hour
