package cma

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"assim/event"
	"assim/graph"
)

// contestLasts is how long an address must be contested before people are told:
// the address of a cluster moves in a moment, and its new place is known only
// when both have told of it.
const contestLasts = 45 * time.Second

// contests looks at the contested addresses in a change that is about to be
// made. The graph remembers which were told, so that each is told once while it
// lasts, whoever is restarted. waits says that some are too young to be told.
func contests(view graph.Reader, change *graph.Change, now time.Time) (news []event.Event, waits bool, err error) {
	for i := range change.Rels {
		rel := &change.Rels[i]
		if rel.Type != graph.Contests {
			continue
		}
		before, found, err := contestBefore(view, rel)
		switch {
		case err != nil:
			return nil, false, err
		case !found || before.Props["told"] != true && now.Sub(before.Meta.FirstSeen) < contestLasts:
			waits = true
			continue
		case before.Props["told"] != true:
			e, err := contestNews(view, rel, before.Meta.FirstSeen)
			if err != nil {
				return nil, false, err
			}
			news = append(news, e)
		}
		rel.Props["told"] = true
	}
	return news, waits, nil
}

// contestBefore finds what the graph said of a contest until now.
func contestBefore(view graph.Reader, rel *graph.Rel) (graph.Edge, bool, error) {
	to, err := view.Find(rel.To)
	if errors.Is(err, graph.ErrNotFound) {
		return graph.Edge{}, false, nil
	}
	if err != nil {
		return graph.Edge{}, false, err
	}
	for e, err := range view.Expand(to.ID, graph.In, graph.Contests) {
		if err != nil {
			return graph.Edge{}, false, err
		}
		from, err := view.Node(e.From)
		if err != nil {
			return graph.Edge{}, false, err
		}
		if from.Key == rel.From && e.Props["address"] == rel.Props["address"] {
			return e, true, nil
		}
	}
	return graph.Edge{}, false, nil
}

// contestNews says who answers for whose address, and who saw it.
func contestNews(view graph.Reader, rel *graph.Rel, since time.Time) (event.Event, error) {
	nic, err := view.Find(rel.To)
	if err != nil {
		return event.Event{}, err
	}
	id, ifname, _ := strings.Cut(rel.To.ID, "/")
	owner, err := nameOf(view, id)
	if err != nil {
		return event.Event{}, err
	}
	otherID, _, _ := strings.Cut(rel.From.ID, "/")
	other, err := nameOf(view, otherID)
	if err != nil {
		return event.Event{}, err
	}
	mac := text(nic.Props["mac_in_use"])
	if mac == "" {
		mac = text(nic.Props["mac"])
	}
	var seers []string
	list, _ := rel.Props["seen_by"].([]any)
	for _, seer := range list {
		name, err := nameOf(view, text(seer))
		if err != nil {
			return event.Event{}, err
		}
		seers = append(seers, name)
	}
	slices.Sort(seers)
	address, by := text(rel.Props["address"]), text(rel.Props["mac"])
	said := "a machine without a nanoprobe"
	if !strings.HasPrefix(otherID, "mac-") {
		said = other
	}
	return event.Event{At: since, Kind: event.DuplicateAddress, System: id, Name: owner, Witnesses: seers, Affected: []string{owner},
		Detail: map[string]string{"address": address, "mac": mac, "other": by},
		Text:   fmt.Sprintf("address %s of %s (%s, %s) is answered for by %s (%s), as %s saw", address, owner, ifname, mac, said, by, strings.Join(seers, ", "))}, nil
}

// nameOf is what people call a system.
func nameOf(view graph.Reader, id string) (string, error) {
	v, err := view.Find(graph.Key{Label: graph.System, ID: id})
	if errors.Is(err, graph.ErrNotFound) {
		return id, nil
	}
	if err != nil {
		return "", err
	}
	if name := text(v.Props["name"]); name != "" {
		return name, nil
	}
	return id, nil
}
