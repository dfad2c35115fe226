package strangers

import (
	"errors"
	"slices"
	"strings"
	"time"

	"assim/discovery"
	"assim/graph"
)

// An address is contested when a system that is up carries it, and a neighbor
// that had it from that system has it from another hardware address now:
//
//	(NIC of the other)-[:CONTESTS {address, seen_by}]->(NIC of the system)
//
// A neighbor that never had it from its system says nothing: its table may be
// older than the system's interface. Nor is it contested when the address moved:
// whoever had it does not carry it any more (a cluster), was down before (a lease
// given to another), or has the other hardware address itself (a replaced
// interface, a bond). Who loses its address may well seem dead by that, so that
// shortly before counts. A virtual router (VRRP) has an address of its own, which
// its members share.

// carrier is who carries an address. There are hundreds of thousands, so that
// little is kept of each, and more looked up where somebody doubts it.
type carrier struct {
	carried bool     // by a known system
	macs    []string // of the interfaces that carry it
	owners  *owners  // nil until somebody asks
}

// owners are the known systems that carry an address.
type owners struct {
	nics []graph.Vertex // that carry it
	macs []string       // of all their interfaces: they answer on each for all their addresses
	down time.Time      // since when they were all down, or their interfaces; zero: not
}

// robbed is how long before it was seen that another has its address the owner
// may have been heard last.
const robbed = time.Minute

// contest is one address that another hardware address answers for.
type contest struct {
	mac     string
	address graph.Key
	owner   graph.Key // the interface that carries it
	seen    []graph.NodeID
}

// carriers calls each with the interfaces of known systems that carry an address.
func carriers(r graph.Reader, address graph.NodeID, each func(graph.Vertex) error) error {
	for rel, err := range r.Expand(address, graph.In, graph.HasIP) {
		if err != nil {
			return err
		}
		nic, err := r.Node(rel.From)
		if err != nil {
			return err
		}
		if isUnknown(nic.Key) {
			continue
		}
		if err := each(nic); err != nil {
			return err
		}
	}
	return nil
}

// macsOf are the hardware addresses of an interface.
func macsOf(nic graph.Vertex) (macs []string) {
	for _, prop := range []string{"mac", "mac_in_use"} {
		if m, ok := nic.Props[prop].(string); ok {
			macs = append(macs, m)
		}
	}
	return macs
}

// carrierOf looks an address up.
func carrierOf(r graph.Reader, address graph.NodeID) (*carrier, error) {
	c := &carrier{}
	return c, carriers(r, address, func(nic graph.Vertex) error {
		c.carried, c.macs = true, append(c.macs, macsOf(nic)...)
		return nil
	})
}

// ask looks up the systems that carry the address.
func (c *carrier) ask(f *finder, address graph.NodeID) (*owners, error) {
	if c.owners != nil {
		return c.owners, nil
	}
	o, up := &owners{}, false
	err := carriers(f.r, address, func(nic graph.Vertex) error {
		o.nics = append(o.nics, nic)
		owner, err := f.r.Find(systemOf(nic.Key))
		if err != nil && !errors.Is(err, graph.ErrNotFound) {
			return err
		}
		since, down := downSince(owner, nic)
		if up = up || !down; since.After(o.down) {
			o.down = since
		}
		if err != nil {
			return nil
		}
		return f.walk(owner.ID, graph.Out, graph.HasNIC, func(other graph.Vertex) error {
			o.macs = append(o.macs, macsOf(other)...)
			return nil
		})
	})
	if up {
		o.down = time.Time{}
	}
	discovery.Sort(o.nics, func(a, b graph.Vertex) int { return strings.Compare(a.Key.ID, b.Key.ID) })
	c.owners = o
	return o, err
}

// downSince reports whether a system or its interface is down, and since when.
func downSince(owner, nic graph.Vertex) (time.Time, bool) {
	if nic.Props["carrier"] == false {
		return nic.Meta.LastChanged, true
	}
	if status, _ := owner.Props["status"].(string); status == "" || status == "up" {
		return time.Time{}, false
	}
	sign, _ := owner.Props["last_sign"].(string)
	since, err := time.Parse(time.RFC3339, sign)
	if err != nil {
		since = owner.Meta.LastChanged
	}
	return since, true
}

func systemOf(nic graph.Key) graph.Key {
	id, _, _ := strings.Cut(nic.ID, "/")
	return graph.Key{Label: graph.System, ID: id}
}

// virtualRouter says whether a hardware address is one that routers share, of
// RFC 9568.
func virtualRouter(mac string) bool {
	return strings.HasPrefix(mac, "00:00:5e:00:01:") || strings.HasPrefix(mac, "00:00:5e:00:02:")
}

// doubt takes in a neighbor whose address somebody carries.
func (f *finder) doubt(rel graph.Edge, mac string, c *carrier, by graph.NodeID) error {
	if virtualRouter(mac) || slices.Contains(c.macs, mac) { // nearly always
		return nil
	}
	o, err := c.ask(f, rel.To)
	if err != nil || slices.Contains(o.macs, mac) {
		return err
	}
	address, err := f.r.Node(rel.To)
	if err != nil || strings.Contains(address.Key.ID, "/") {
		return err // every host gives its containers the same few
	}
	id := mac + " " + address.Key.ID
	if f.contests[id] == nil {
		before, _ := rel.Props["was"].(string)
		had := slices.Contains(c.macs, before) || slices.Contains(o.macs, before)
		had = had && (o.down.IsZero() || rel.Meta.FirstSeen.Before(o.down.Add(robbed)))
		if !had {
			if had, err = f.contested(mac, o.nics[0], address.Key); err != nil {
				return err
			}
		}
		if !had {
			if len(f.later) < maxDoubted {
				f.later = append(f.later, doubted{rel, mac, c, by})
			}
			return nil
		}
		if len(f.contests) >= maxContests {
			return nil
		}
		f.contests[id] = &contest{mac: mac, address: address.Key, owner: o.nics[0].Key}
	}
	if seen := &f.contests[id].seen; len(*seen) < maxSeen && !slices.Contains(*seen, by) {
		*seen = append(*seen, by)
	}
	return nil
}

// maxContests bounds the contested addresses; somebody who answers for a whole
// network contests some 4,000.
const maxContests = 8192

// doubted is a neighbor whose hardware address is not that of who carries the
// address, and which proves nothing alone. Where another proves it, it saw it too.
type doubted struct {
	rel graph.Edge
	mac string
	c   *carrier
	by  graph.NodeID
}

// maxDoubted bounds them: they matter as witnesses only.
const maxDoubted = 1 << 16

// witnesses takes in those who prove nothing alone.
func (f *finder) witnesses() error {
	list := f.later
	f.later = nil
	for _, d := range list {
		if err := f.doubt(d.rel, d.mac, d.c, d.by); err != nil {
			return err
		}
	}
	f.later = nil
	return nil
}

// contested reports whether the graph says so already: what was proven once holds
// while somebody still has the address from the other.
func (f *finder) contested(mac string, owner graph.Vertex, address graph.Key) (bool, error) {
	for rel, err := range f.r.Expand(owner.ID, graph.In, graph.Contests) {
		if err != nil {
			return false, err
		}
		if rel.Props["address"] != unscoped(address.ID) {
			continue
		}
		other, err := f.r.Node(rel.From)
		if err != nil {
			return false, err
		}
		if other.Props["mac"] == mac || other.Props["mac_in_use"] == mac {
			return true, nil
		}
	}
	return false, nil
}

// contest says who contests which address, in order. Who is not known otherwise
// becomes a stranger.
func (f *finder) contestRels() ([]graph.Rel, error) {
	ids := make([]string, 0, len(f.contests))
	for id := range f.contests {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var rels []graph.Rel
	for _, id := range ids {
		c := f.contests[id]
		from, known, err := nicWith(f.r, c.mac)
		if err != nil {
			return nil, err
		}
		if !known {
			who := f.found[c.mac]
			if who == nil {
				who = &stranger{mac: c.mac}
				f.found[c.mac] = who
			}
			who.addresses = append(who.addresses, c.address)
			for _, by := range c.seen {
				if len(who.seen) < maxSeen && !slices.Contains(who.seen, by) {
					who.seen = append(who.seen, by)
				}
			}
			from = strangerNIC(c.mac)
		}
		seen, err := f.seers(c.seen)
		if err != nil {
			return nil, err
		}
		rels = append(rels, graph.Rel{From: from, Type: graph.Contests, To: c.owner, ID: c.address.ID,
			Props: graph.P("address", unscoped(c.address.ID), "mac", c.mac, "seen_by", seen)})
	}
	return rels, nil
}

// nicWith finds the interface of a known system that has a hardware address.
func nicWith(r graph.Reader, mac string) (graph.Key, bool, error) {
	var found []graph.Key
	for _, prop := range []string{"mac", "mac_in_use"} {
		for nic, err := range r.NodesWith(graph.NIC, prop, mac) {
			if err != nil {
				return graph.Key{}, false, err
			}
			if !isUnknown(nic.Key) {
				found = append(found, nic.Key)
			}
		}
	}
	if len(found) == 0 {
		return graph.Key{}, false, nil
	}
	discovery.Sort(found, func(a, b graph.Key) int { return strings.Compare(a.ID, b.ID) })
	return found[0], true, nil
}

// strangerNIC is the interface of an unknown system.
func strangerNIC(id string) graph.Key { return graph.Key{Label: graph.NIC, ID: "mac-" + id + "/nic"} }
