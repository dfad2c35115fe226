package nanoprobe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"assim/discovery"
	"assim/host"
	"assim/wire"
	"assim/wire/pack"
)

// lookLimit is how long one look may take before it is given up, without the
// rests of one that nobody waits for.
const lookLimit = 60 * time.Second

// look is the end of one discovery type's look at the host.
type look struct {
	typ   discovery.Type
	text  []byte // canonical JSON; nil: nothing of this kind here
	hash  wire.Hash
	early bool          // too early to say: what was said before stands
	cost  time.Duration // CPU time
	err   error
	pace  *pace // nil: it was not to take its time
}

// self is the host with what the nanoprobe knows of itself.
type self struct {
	recalling
	troubles *atomic.Pointer[troubles]
}

// troubles are the types that do not look as they are to, as told.
type troubles struct {
	rests []discovery.Rest
	fails []discovery.Failure
}

// Rests implements discovery.Rester. It is for the goroutines of looks.
func (s self) Rests() []discovery.Rest {
	if told := s.troubles.Load(); told != nil {
		return told.rests
	}
	return nil
}

// Failures is for them as well.
func (s self) Failures() []discovery.Failure {
	if told := s.troubles.Load(); told != nil {
		return told.fails
	}
	return nil
}

// begin starts a look, at its leisure where nobody waits for it.
func (n *Nanoprobe) begin(ctx context.Context, t discovery.Type) {
	var p *pace
	if n.schedule.Leisurely(t.Name) {
		p = newPace(ctx, n.paced)
		p.idle = n.program.rests
		n.paces[t.Name] = p
	}
	n.running.Go(func() { n.look(ctx, t, p) })
}

// hurry ends the rests of looks that somebody waits for by now.
func (n *Nanoprobe) hurry() {
	for name, p := range n.paces {
		if !n.schedule.Leisurely(name) {
			p.hurry()
			delete(n.paces, name)
		}
	}
}

// look runs one type's collector and reports to the loop.
func (n *Nanoprobe) look(ctx context.Context, t discovery.Type, p *pace) {
	limit, step := lookLimit, func() {}
	if p != nil {
		limit, step = limit+maxRest, p.step
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var l look
	cost := host.Cost(limited, func(ctx context.Context, m *host.Meter) { l = n.collect(ctx, t, n.host.Paced(m, step)) })
	l.cost, l.pace = cost, p
	select {
	case n.looks <- l:
	case <-ctx.Done():
	}
}

// collect turns a panic of one collector into its error: the others go on.
func (n *Nanoprobe) collect(ctx context.Context, t discovery.Type, h discovery.Host) (l look) {
	l.typ = t
	defer func() {
		if r := recover(); r != nil {
			l.text, l.err = nil, fmt.Errorf("%s panicked: %v", t.Name, r)
		}
	}()
	payload, err := t.Collect(ctx, self{recalling{h, &n.recalls}, &n.troubles})
	if errors.Is(err, discovery.ErrNotYet) {
		l.early = true
		return l
	}
	if errors.Is(err, discovery.ErrNotHere) {
		return l
	}
	if err != nil {
		l.err = err
		return l
	}
	text, _, err := discovery.Canonical(payload)
	if err != nil {
		l.err = err
		return l
	}
	l.text, l.hash = text, pack.HashOf(text)
	return l
}

// failed logs why a type cannot be looked at, once as long as it is for the same
// reason.
func (n *Nanoprobe) failed(typ string, err error) {
	if why := err.Error(); n.failures[typ] != why {
		n.failures[typ] = why
		n.log.Warn("discovery failed", "type", typ, "error", err)
	}
}

// looked takes the result of a look in.
func (n *Nanoprobe) looked(now time.Time, l look) {
	n.schedule.Done(now, l.typ.Name, l.cost, l.err)
	if l.pace != nil {
		n.paced = l.pace
	}
	n.log.Debug("looked", "type", l.typ.Name, "cpu", l.cost, "bytes", len(l.text), "error", l.err)
	n.untidy(now)
	if l.err != nil {
		n.failed(l.typ.Name, l.err)
		return
	}
	delete(n.failures, l.typ.Name)
	n.tellLacks()
	if l.early {
		return
	}
	which := name{typ: l.typ.Name}
	if l.text == nil {
		if n.docs.of[which] == nil {
			return // It never was here.
		}
		l.text, l.hash = gone, pack.HashOf(gone)
	}
	changed := n.docs.found(now, which, l.text, l.hash, l.typ.Secret)
	if !n.holds(now, which, changed) && changed {
		n.put(which, n.docs.of[which])
	}
	if changed {
		n.schedule.Happened(now, discovery.Changed(l.typ.Name))
	}
}

// budgets notices which types are held back by what they cost, or fail. The
// document about them is made like any other: by a look.
func (n *Nanoprobe) budgets(now time.Time) {
	is := troubles{n.schedule.Rests(now), n.schedule.Failures(now)}
	if told := n.troubles.Load(); told != nil && slices.Equal(told.rests, is.rests) && slices.Equal(told.fails, is.fails) {
		return
	}
	n.troubles.Store(&is)
	n.schedule.Happened(now, discovery.Budgets)
}

// tellLacks says, once each, what this nanoprobe does not see for lack of a
// privilege.
func (n *Nanoprobe) tellLacks() {
	for _, sentence := range n.host.Cannot() {
		if !n.lacks[sentence] {
			n.lacks[sentence] = true
			n.log.Warn(sentence)
		}
	}
}

// gone is the document of a type that has nothing to say any more.
var gone = []byte("null")

// happened takes news of the host in.
func (n *Nanoprobe) happened(now time.Time, e host.Event) {
	if e.File != "" {
		n.schedule.FileChanged(now, e.File)
		return
	}
	n.schedule.Happened(now, e.Trigger)
	switch e.Trigger {
	case discovery.Links:
		n.linksChanged(now)
	case discovery.Addrs:
		n.session.Announce(n.about()) // It is said again only when it differs.
	}
}

// linksChanged tells the rings which of the own interfaces lost or found their
// carrier: whoever has no network accuses nobody.
func (n *Nanoprobe) linksChanged(now time.Time) {
	links, err := n.host.Links(context.Background())
	if err != nil {
		n.log.Warn("interfaces cannot be listed", "error", err)
		return
	}
	outside := n.outsideLinks(links)
	seen := map[string]bool{}
	for _, l := range links {
		_, watched := n.carriers[l.Name]
		if l.Loopback || !watched && l.Kind != "device" && !outside[l.Name] {
			continue // the cable of a container is no news to anybody else
		}
		seen[l.Name] = true
		n.carrier(now, l.Name, l.Up && l.Carrier)
	}
	for name := range n.carriers {
		if !seen[name] {
			n.carrier(now, name, false)
			delete(n.carriers, name)
		}
	}
}

func (n *Nanoprobe) carrier(now time.Time, link string, up bool) {
	was, known := n.carriers[link]
	n.carriers[link] = up
	if known && was != up {
		n.member.LinkChanged(now, link, up, &n.out)
		if up {
			n.session.Hurry(now)
		}
	}
}
