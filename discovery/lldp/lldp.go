// Package lldp discovers which switch port each interface is cabled to, from the
// LLDP and CDP frames that switches send unasked. It decodes both with code of
// its own, every field that their standards (or, for CDP, common knowledge) name.
package lldp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"assim/discovery"
)

// Type is the discovery type.
var Type = discovery.Type{
	Name:  "lldp",
	Short: "which switch port each interface is cabled to (LLDP, CDP)",
	Every: time.Minute, // a look at memory, to notice what has expired
	On:    []discovery.Trigger{discovery.Frames, discovery.Links},
	Needs: []string{"CAP_NET_RAW: without it LLDP and CDP frames are not heard, and switch ports stay unknown"},
	Make:  func() func(context.Context, discovery.Host) (any, error) { return (&collector{}).collect },
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: toGraph,
	About: discovery.About{
		Reads: []string{"LLDP and CDP frames received (packet sockets filtered to these two)", "rtnetlink: links"},
		Keys:  keys,
		Graph: "(NIC)-[:CABLED_TO]->(SwitchPort)<-[:HAS_PORT]-(System {kind: switch})-[:HAS_NIC]->(NIC)-[:HAS_IP]->(IPAddr): its management",
	},
}

// settle is how long a new listener waits for interfaces that have not heard a
// frame yet: switches send every 30 s (LLDP) or 60 s (CDP). Saying "no switch"
// sooner would cut cables that are there.
const settle = 65 * time.Second

// courtesy is how long a switch that was only heard by CDP may take to say the
// same by LLDP, which names it better: its interval is 30 s. Taking CDP's word
// at once would make two switches of one, half a minute apart. A switch that
// promises less than that says everything more often.
const courtesy = 35 * time.Second

// Document is what the CMA stores.
type Document struct {
	Neighbors []Neighbor        `json:"neighbors"`
	NICs      map[string]string `json:"nics,omitempty"`
	Silent    []string          `json:"silent,omitempty"`
}

// Neighbor is one sender heard on one interface, by either protocol or both.
type Neighbor struct {
	Link string  `json:"link"`
	LLDP *Advert `json:"lldp,omitempty"`
	CDP  *Advert `json:"cdp,omitempty"`
}

// collector remembers the frames of the document before: a frame that says the
// same in other bytes is no news.
type collector struct {
	before map[string]*Advert
	cdp    map[string]time.Duration // when an interface was first heard by CDP alone
	said   bool                     // a document was made
}

func (c *collector) collect(ctx context.Context, h discovery.Host) (any, error) {
	frames, listening, err := h.Frames(ctx)
	if err != nil {
		return nil, err
	}
	links, err := h.Links(ctx)
	if err != nil {
		return nil, fmt.Errorf("lldp: links: %w", err)
	}
	heard := c.decode(frames)
	neighbors, waiting := c.patient(merge(heard, links), listening)
	if !c.said && (waiting || listening < settle && !allHeard(links, heard)) {
		return nil, discovery.ErrNotYet
	}
	c.said = true
	doc := &Document{Neighbors: neighbors, NICs: map[string]string{}, Silent: silent(heard, links)}
	nics := discovery.NICs(links)
	for _, n := range neighbors {
		if id := nics[n.Link]; id != "" {
			doc.NICs[n.Link] = id
		}
	}
	return doc, nil
}

// patient leaves out neighbors that are known by CDP alone and may yet speak
// LLDP, and reports whether there are any.
func (c *collector) patient(list []Neighbor, now time.Duration) (known []Neighbor, waiting bool) {
	since := map[string]time.Duration{}
	known = []Neighbor{}
	for _, n := range list {
		if n.LLDP == nil {
			first, met := c.cdp[n.Link]
			if !met {
				first = now
			}
			since[n.Link] = first
			if now-first < min(courtesy, time.Duration(n.CDP.TTL)*time.Second) {
				waiting = true
				continue
			}
		}
		known = append(known, n)
	}
	c.cdp = since
	return known, waiting
}

// hearing is a decoded frame, with where and when it was heard.
type hearing struct {
	link string
	age  time.Duration
	*Advert
}

// holds reports whether what the frame says still stands: no longer than it
// promised, and not after its sender took leave.
func (h hearing) holds() bool {
	return h.TTL > 0 && h.age <= time.Duration(h.TTL)*time.Second
}

// decode reads the frames; one that makes no sense is as if it were not heard.
func (c *collector) decode(frames []discovery.Frame) []hearing {
	now := map[string]*Advert{}
	var heard []hearing
	for _, f := range frames {
		a, err := Decode(f.Data)
		if err != nil {
			continue
		}
		key := f.Link + " " + a.Protocol() + " " + a.Source
		if old := c.before[key]; old != nil && sameWords(old, a) {
			a = old
		} else {
			a.Raw = f.Data
		}
		now[key] = a
		heard = append(heard, hearing{f.Link, f.Age, a})
	}
	c.before = now
	discovery.Sort(heard, func(a, b hearing) int {
		return cmp.Or(strings.Compare(a.link, b.link), strings.Compare(a.Source, b.Source), strings.Compare(a.Protocol(), b.Protocol()))
	})
	return heard
}

// sameWords compares all that two frames say but not their bytes.
func sameWords(old, now *Advert) bool {
	words := *old
	words.Raw = nil
	a, _, errA := discovery.Canonical(&words)
	b, _, errB := discovery.Canonical(now)
	return errA == nil && errB == nil && string(a) == string(b)
}

// listens tells interfaces that a switch may be cabled to.
func listens(l discovery.Link, internal map[string]bool) bool {
	return l.Carrier && l.Up && l.MAC != "" && !internal[l.Name] && (l.Kind == "device" || l.Kind == "veth")
}

// allHeard reports whether every interface that may be cabled to a switch heard
// one.
func allHeard(links []discovery.Link, heard []hearing) bool {
	internal := discovery.Internal(links, nil)
	any := false
	for _, l := range links {
		if !listens(l, internal) {
			continue
		}
		any = true
		if !slices.ContainsFunc(heard, func(h hearing) bool { return h.link == l.Name }) {
			return false
		}
	}
	return any
}

// merge makes one neighbor of what one sender says by LLDP and by CDP: on one
// interface the same source address, or the same name.
func merge(heard []hearing, links []discovery.Link) []Neighbor {
	carrier := map[string]bool{}
	for _, l := range links {
		carrier[l.Name] = l.Carrier
	}
	list := []Neighbor{}
	for _, h := range heard {
		if h.holds() && carrier[h.link] && h.Protocol() == "lldp" {
			list = append(list, Neighbor{Link: h.link, LLDP: h.Advert})
		}
	}
	for _, h := range heard {
		if !h.holds() || !carrier[h.link] || h.Protocol() != "cdp" {
			continue
		}
		i := slices.IndexFunc(list, func(n Neighbor) bool {
			return n.Link == h.link && n.CDP == nil && n.LLDP != nil && sameSender(n.LLDP, h.Advert)
		})
		if i >= 0 {
			list[i].CDP = h.Advert
		} else {
			list = append(list, Neighbor{Link: h.link, CDP: h.Advert})
		}
	}
	discovery.SortStable(list, func(a, b Neighbor) int { return strings.Compare(a.Link, b.Link) })
	return list
}

// sameSender knows a switch by the address of its port, or by its name; a device
// id may carry a serial number in parentheses behind the name.
func sameSender(lldp, cdp *Advert) bool {
	if lldp.Source == cdp.Source {
		return true
	}
	id, _, _ := strings.Cut(cdp.ChassisID, "(")
	return lldp.SystemName != "" && (lldp.SystemName == cdp.SystemName || lldp.SystemName == id)
}

// silent lists interfaces with carrier where every promise ran out twice over.
// A sender that took leave is not silent.
func silent(heard []hearing, links []discovery.Link) []string {
	var list []string
	for _, l := range links {
		if !l.Carrier {
			continue
		}
		was, is := false, false
		for _, h := range heard {
			if h.link == l.Name && h.TTL > 0 {
				was = true
				is = is || h.age <= 2*time.Duration(h.TTL)*time.Second
			}
		}
		if was && !is {
			list = append(list, l.Name)
		}
	}
	slices.Sort(list)
	return list
}

// errNull means that a document is JSON's null.
var errNull = errors.New("the document is null")
