// Package strangers works out of the whole graph who answers on the networks and
// is told of by nobody, and who answers for an address that another carries. It
// is apart from package arp because only the CMA needs it.
package strangers

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"assim/discovery"
	"assim/graph"
)

// Source is the source of what Derive says.
const Source = "derive/unknown"

// maxUnknown is how many unknown systems are kept; a scan of a /16 answered by a
// misconfigured router makes 65,000.
const maxUnknown = 100_000

// Derive works out the systems that others see by ARP and nobody else tells of: a
// MAC that no interface in the graph has, answering for an address that no
// interface carries. Each is a System of kind unknown, "mac-<mac>", with one NIC
// and the addresses it answers for; one that is only known within a system is
// "mac-<mac>@<system>". Who enrolls later has that MAC on a NIC of
// its own, and the unknown system ceases with the next look. Somebody who
// answers for an address that another carries is one as well: see contest.go.
func Derive(r graph.Reader) (graph.Change, error) {
	f := finder{r: r, found: map[string]*stranger{}, owned: map[graph.NodeID]*carrier{}, contests: map[string]*contest{}}
	sets := map[graph.NodeID]bool{}
	for rel, err := range r.Rels(graph.Sees) {
		if err != nil {
			return graph.Change{}, err
		}
		if _, ok := rel.Props["mac"].(string); !ok {
			sets[rel.To] = true // a table that many may have is looked at once
			continue
		}
		if err := f.meets(rel, rel.From); err != nil {
			return graph.Change{}, err
		}
	}
	tables := make([]graph.NodeID, 0, len(sets))
	for id := range sets {
		tables = append(tables, id)
	}
	discovery.Sort(tables, func(a, b graph.NodeID) int { return cmp.Compare(a, b) })
	for _, id := range tables {
		for rel, err := range r.Expand(id, graph.Out, graph.Contains) {
			if err != nil {
				return graph.Change{}, err
			}
			if err := f.meets(rel, id); err != nil {
				return graph.Change{}, err
			}
		}
	}
	if err := f.witnesses(); err != nil {
		return graph.Change{}, err
	}
	return f.change()
}

// stranger is a hardware address that answers for addresses nobody carries.
type stranger struct {
	mac       string
	addresses []graph.Key
	seen      []graph.NodeID // interfaces, and tables, that have it
}

// finder collects strangers.
type finder struct {
	r     graph.Reader
	found map[string]*stranger      // by hardware address; "@" and a system behind it for one within
	owned map[graph.NodeID]*carrier // who carries an address

	contests map[string]*contest // by hardware address and address
	later    []doubted
}

// meets takes in one neighbor that an interface or a table has.
func (f *finder) meets(rel graph.Edge, by graph.NodeID) error {
	mac, _ := rel.Props["mac"].(string)
	if mac == "" {
		return nil
	}
	owner := f.owned[rel.To]
	if owner == nil {
		var err error
		if owner, err = carrierOf(f.r, rel.To); err != nil {
			return err
		}
		f.owned[rel.To] = owner
	}
	if owner.carried {
		return f.doubt(rel, mac, owner, by)
	}
	address, err := f.r.Node(rel.To)
	if errors.Is(err, graph.ErrNotFound) || err == nil && address.Key.Label != graph.IPAddr {
		return nil
	}
	if err != nil {
		return err
	}
	id := mac
	if system, _, within := strings.Cut(address.Key.ID, "/"); within {
		id += "@" + system // every host gives its containers the same few
	}
	who := f.found[id]
	if who == nil {
		if len(f.found) >= maxUnknown {
			return nil
		}
		who = &stranger{mac: mac}
		f.found[id] = who
	}
	if !slices.Contains(who.addresses, address.Key) {
		who.addresses = append(who.addresses, address.Key)
	}
	if len(who.seen) < maxSeen && !slices.Contains(who.seen, by) {
		who.seen = append(who.seen, by)
	}
	return nil
}

// maxSeen is how many of those that see a stranger are looked at, and told.
const maxSeen = 16

// seers names systems that see somebody, in order, and no more than maxSeen.
func (f *finder) seers(seen []graph.NodeID) ([]string, error) {
	var names []string
	add := func(nic graph.NodeID) error {
		n, err := f.r.Node(nic)
		if err != nil {
			return err
		}
		if id, _, ok := strings.Cut(n.Key.ID, "/"); ok && !slices.Contains(names, id) {
			names = append(names, id)
		}
		return nil
	}
	for _, id := range seen {
		n, err := f.r.Node(id)
		if err != nil {
			return nil, err
		}
		if n.Key.Label == graph.NIC {
			err = add(id)
		} else {
			for rel, e := range f.r.Expand(id, graph.In, graph.Sees) {
				if err = e; err == nil {
					err = add(rel.From)
				}
				if err != nil || len(names) >= maxSeen {
					break
				}
			}
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return names[:min(len(names), maxSeen)], nil
}

// isUnknown tells the keys that this derivation makes.
func isUnknown(k graph.Key) bool { return strings.HasPrefix(k.ID, "mac-") }

func (f *finder) change() (graph.Change, error) {
	c := graph.Change{Source: Source}
	contests, err := f.contestRels()
	if err != nil {
		return graph.Change{}, err
	}
	c.Rels = contests
	ids := make([]string, 0, len(f.found))
	for id := range f.found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var guests map[string]graph.Vertex
	if len(ids) > 0 {
		if guests, err = f.guests(); err != nil {
			return graph.Change{}, err
		}
	}
	for _, id := range ids {
		if err := f.tell(&c, id, f.found[id], guests); err != nil {
			return graph.Change{}, err
		}
	}
	return c, nil
}

// tell says what is known of a stranger, unless it is an interface of a system
// that tells of itself.
func (f *finder) tell(c *graph.Change, id string, who *stranger, guests map[string]graph.Vertex) error {
	if _, known, err := nicWith(f.r, who.mac); known || err != nil {
		return err
	}
	seen, err := f.seers(who.seen)
	if err != nil {
		return err
	}
	addresses := who.addresses
	discovery.Sort(addresses, func(a, b graph.Key) int { return strings.Compare(a.ID, b.ID) })
	name := unscoped(addresses[0].ID)
	station, speaks, err := f.station(id)
	if err != nil {
		return err
	}
	if said, ok := station.Props["name"].(string); speaks && ok {
		name = said
	}
	system, nic := graph.Key{Label: graph.System, ID: "mac-" + id}, strangerNIC(id)
	at, err := f.places(system, nic, id, guests)
	if err != nil {
		return err
	}
	c.Nodes = append(c.Nodes,
		graph.Node{Key: system, Props: graph.P("id", system.ID, "name", name, "kind", "unknown", "status", "unknown", "seen_by", seen)},
		graph.Node{Key: nic, Props: graph.P("mac", who.mac)})
	c.Rels = append(append(c.Rels, graph.Rel{From: system, Type: graph.HasNIC, To: nic}), at...)
	for _, a := range addresses {
		c.Rels = append(c.Rels, graph.Rel{From: nic, Type: graph.HasIP, To: a})
	}
	return nil
}

// unscoped is the address in the id of an IPAddr.
func unscoped(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }
