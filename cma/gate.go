package cma

import (
	"context"
	"errors"
	"slices"
	"time"

	"assim/admin"
	"assim/graph"
	"assim/trust"
	"assim/wire"
)

// Gate is where an operator decides who is in: for package api.
type Gate struct{ c *CMA }

// Gate returns the decisions on who is in, and the keys.
func (c *CMA) Gate() Gate { return Gate{c} }

// Pending lists who waits for a person, longest first.
func (g Gate) Pending(context.Context) ([]admin.Pending, error) {
	list := []admin.Pending{}
	for _, p := range g.c.registry.Pending() {
		shown := admin.Pending{Name: p.Name, Fingerprint: trust.Fingerprint(p.Pub), Since: p.Since}
		if p.From.IsValid() {
			shown.From = p.From.String()
		}
		list = append(list, shown)
	}
	return list, nil
}

// Accept lets in whom a name, a fingerprint, an address or a CIDR means, and tells how many
// of those waiting that were.
func (g Gate) Accept(_ context.Context, what string) (int, error) {
	n, err := g.c.registry.Accept(g.c.now(), what)
	if err == nil {
		g.c.log.Info("accepted", "what", what, "waiting", n)
	}
	return n, err
}

// Refuse takes whom a name, a fingerprint, an address or a CIDR means off the list, and an
// acceptance of it back.
func (g Gate) Refuse(_ context.Context, what string) (int, error) {
	n, err := g.c.registry.Refuse(what)
	if err == nil && n == 0 {
		err = admin.Badf("nobody who waits has the name, fingerprint or network %s; assim pending lists them", what)
	}
	return n, err
}

// Revoke puts a system out, effective with its next packet.
func (g Gate) Revoke(ctx context.Context, who string) (admin.Member, error) {
	m, err := g.find(ctx, who)
	if err != nil {
		return admin.Member{}, err
	}
	if err := g.c.registry.Revoke(m.ID); err != nil {
		return admin.Member{}, err
	}
	g.c.log.Info("a system is put out", "id", m.ID, "name", m.Name)
	m.Revoked = true
	return memberShown(m), g.c.expel(ctx, m.ID)
}

// Pardon takes a revocation back.
func (g Gate) Pardon(ctx context.Context, who string) (admin.Member, error) {
	m, err := g.find(ctx, who)
	if err != nil {
		return admin.Member{}, err
	}
	g.c.log.Info("a system is let in again", "id", m.ID, "name", m.Name)
	m.Revoked = false
	return memberShown(m), g.c.registry.Pardon(m.ID)
}

func memberShown(m trust.NodeInfo) admin.Member {
	return admin.Member{ID: m.ID.String(), Name: m.Name, Joined: m.Joined, How: m.How, Revoked: m.Revoked}
}

// expel takes systems that were put out of the rings.
func (c *CMA) expel(ctx context.Context, ids ...wire.ID) error {
	return c.brain.ask(ctx, func() {
		for _, id := range ids {
			c.brain.auth.Remove(c.now(), id, &c.brain.out)
			c.brain.sess.Expel(id)
		}
	})
}

// find returns the member of that id, or of the name that it has now or had
// when it joined. What fits more than one names none.
func (g Gate) find(ctx context.Context, who string) (trust.NodeInfo, error) {
	if id, err := wire.ParseID(who); err == nil {
		m, err := g.c.registry.Node(id)
		if errors.Is(err, graph.ErrNotFound) {
			return m, admin.Badf("no system with the id %s ever joined", who)
		}
		return m, err
	}
	named, err := g.named(ctx, who)
	if err != nil {
		return trust.NodeInfo{}, err
	}
	members, err := g.c.registry.Nodes()
	if err != nil {
		return trust.NodeInfo{}, err
	}
	fits := slices.DeleteFunc(members, func(m trust.NodeInfo) bool { return m.Name != who && !named[m.ID] })
	switch len(fits) {
	case 0:
		return trust.NodeInfo{}, admin.Badf("no system has the name or id %q; assim systems lists all", who)
	case 1:
		return fits[0], nil
	}
	var ids []string
	for _, m := range fits {
		ids = append(ids, m.ID.String())
	}
	return trust.NodeInfo{}, admin.Badf("%d systems are called %s; say which by its id: %v", len(fits), who, ids)
}

// named returns the systems that the graph knows by a name.
func (g Gate) named(ctx context.Context, name string) (map[wire.ID]bool, error) {
	view, err := g.c.store.View(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	defer view.Close()
	ids := map[wire.ID]bool{}
	for v, err := range view.NodesWith(graph.System, "name", name) {
		if err != nil {
			return nil, err
		}
		if id, err := wire.ParseID(v.Key.ID); err == nil {
			ids[id] = true
		}
	}
	return ids, nil
}
