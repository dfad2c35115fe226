package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"assim/admin"
	"assim/graph"
)

// maxDifferences bounds the answer to one comparison.
const maxDifferences = 50_000

// Diff is what differs between two times, by system and type.
type Diff struct {
	From      time.Time    `json:"from"`
	To        time.Time    `json:"to"`
	Systems   []SystemDiff `json:"systems"`
	Added     int          `json:"added"`
	Removed   int          `json:"removed"`
	Changed   int          `json:"changed"`
	Truncated bool         `json:"truncated,omitempty"` // there was more than fits
}

// SystemDiff is what differs about one system; about none in particular when
// System is empty.
type SystemDiff struct {
	System string     `json:"system"` // node id
	Name   string     `json:"name"`
	Types  []TypeDiff `json:"types"`
}

// TypeDiff is what differs about the nodes of one label or the relationships
// of one type.
type TypeDiff struct {
	Type  string  `json:"type"`
	Items []Delta `json:"items"`
}

// Delta is one node or relationship that is not what it was.
type Delta struct {
	Kind string    `json:"kind"`           // added, removed or changed
	Key  string    `json:"key,omitempty"`  // of a node
	From string    `json:"from,omitempty"` // of a relationship
	To   string    `json:"to,omitempty"`
	ID   string    `json:"id,omitempty"` // tells parallel relationships apart
	At   time.Time `json:"at"`
	// Fields are the properties that differ; all of them when it came or went.
	Fields []Field `json:"fields"`
}

// Field is one property, or "labels", at both times; null where it was not.
type Field struct {
	Name string `json:"name"`
	Old  any    `json:"old"`
	New  any    `json:"new"`
}

// diff answers GET /v1/diff?system=&from=&to=.
func (s *Server) diff(r *http.Request) (any, error) {
	from, err := timeOf(r, "from")
	if err != nil {
		return nil, err
	}
	to, err := timeOf(r, "to")
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if to.IsZero() {
		to = now
	}
	switch {
	case from.IsZero():
		return nil, admin.Badf("from= is missing: the earlier of the two times, RFC 3339")
	case !from.Before(to):
		return nil, admin.Badf("from=%s is not before to=%s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return s.compare(r.Context(), from, to, r.URL.Query().Get("system"))
}

func (s *Server) compare(ctx context.Context, from, to time.Time, who string) (Diff, error) {
	d := Diff{From: from, To: to, Systems: []SystemDiff{}}
	var list []graph.Difference
	for one, err := range graph.Diff(ctx, s.Store, from, to) {
		if err != nil {
			return d, fmt.Errorf("comparing two times: %w", err)
		}
		list = append(list, one)
	}
	before, err := s.Store.View(ctx, from)
	if err != nil {
		return d, err
	}
	defer before.Close()
	after, err := s.Store.View(ctx, to)
	if err != nil {
		return d, err
	}
	defer after.Close()
	o := owners{readers: []graph.Reader{after, before}, near: map[graph.Key]string{}}
	only := ""
	if who != "" {
		system, err := o.system(who)
		if err != nil {
			return d, err
		}
		only = system.Key.ID
	}
	return d, d.fill(list, &o, only)
}

// fill sorts differences into groups.
func (d *Diff) fill(list []graph.Difference, o *owners, only string) error {
	o.learn(list)
	groups := map[string]map[string][]Delta{}
	n := 0
	for _, one := range list {
		owner, err := o.of(one)
		if err != nil {
			return err
		}
		if only != "" && owner != only {
			continue
		}
		if n++; n > maxDifferences {
			d.Truncated = true
			break
		}
		switch one.Kind {
		case graph.Added:
			d.Added++
		case graph.Removed:
			d.Removed++
		case graph.Changed:
			d.Changed++
		}
		if groups[owner] == nil {
			groups[owner] = map[string][]Delta{}
		}
		typ := one.Rel.Type
		if typ == "" {
			typ = one.Node.Label
		}
		groups[owner][typ] = append(groups[owner][typ], deltaOf(one))
	}
	for id, types := range groups {
		g := SystemDiff{System: id, Name: o.name(id), Types: []TypeDiff{}}
		for typ, items := range types {
			g.Types = append(g.Types, TypeDiff{typ, items})
		}
		slices.SortFunc(g.Types, func(a, b TypeDiff) int { return strings.Compare(a.Type, b.Type) })
		d.Systems = append(d.Systems, g)
	}
	slices.SortFunc(d.Systems, func(a, b SystemDiff) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.System, b.System)
	})
	return nil
}

func deltaOf(d graph.Difference) Delta {
	out := Delta{Kind: d.Kind.String(), At: d.At, Fields: []Field{}}
	if d.Rel.Type == "" {
		out.Key = d.Node.String()
	} else {
		out.From, out.To, out.ID = d.Rel.From.String(), d.Rel.To.String(), d.Rel.ID
	}
	if !slices.Equal(d.OldLabels, d.NewLabels) {
		out.Fields = append(out.Fields, Field{"labels", labelsAt(d.Old, d.OldLabels), labelsAt(d.New, d.NewLabels)})
	}
	names := map[string]bool{}
	for _, p := range []graph.Props{d.Old, d.New} {
		for name := range p {
			names[name] = true
		}
	}
	for name := range names {
		older, was := d.Old[name]
		newer, is := d.New[name]
		if was != is || !(graph.Props{name: older}).Same(graph.Props{name: newer}) {
			out.Fields = append(out.Fields, Field{name, older, newer})
		}
	}
	slices.SortFunc(out.Fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// labelsAt returns a node's labels at a time: a list, empty for none, and null
// where there was no node, whichever of the two a store has.
func labelsAt(props graph.Props, labels []string) any {
	if props == nil {
		return nil
	}
	return append([]string{}, labels...)
}

// owners tells which system a node or relationship is about.
type owners struct {
	readers []graph.Reader // the later moment first
	near    map[graph.Key]string
}

// sourcesAsked is how many sources of a node are looked at for its system.
const sourcesAsked = 1

// system returns the system of that name or id at either time.
func (o *owners) system(who string) (v graph.Vertex, err error) {
	for _, r := range o.readers {
		if v, err = findSystem(r, who); !errors.Is(err, graph.ErrNotFound) {
			return v, err
		}
	}
	return v, err
}

// scoped returns the system that a key itself names: that of a System, and
// that of "<system>/...".
func scoped(k graph.Key) string {
	if k.Label == graph.System {
		return k.ID
	}
	first, _, ok := strings.Cut(k.ID, "/")
	if ok && (strings.HasPrefix(first, "n-") || strings.HasPrefix(first, "sw-") || strings.HasPrefix(first, "mac-")) {
		return first
	}
	return ""
}

// learn notes for nodes that name no system the one at the other end of a
// relationship that came or went with them: an address belongs to its interface.
func (o *owners) learn(list []graph.Difference) {
	for _, d := range list {
		if d.Rel.Type == "" {
			continue
		}
		if from := scoped(d.Rel.From); from != "" && scoped(d.Rel.To) == "" && o.near[d.Rel.To] == "" {
			o.near[d.Rel.To] = from
		}
	}
}

// of returns the system that a difference is about; empty: none in particular.
func (o *owners) of(d graph.Difference) (string, error) {
	ends := []graph.Key{d.Node}
	if d.Rel.Type != "" {
		ends = []graph.Key{d.Rel.From, d.Rel.To}
	}
	for _, k := range ends {
		if id := scoped(k); id != "" {
			return id, nil
		}
	}
	for _, k := range ends {
		if id := o.near[k]; id != "" {
			return id, nil
		}
		id, err := o.speaker(k)
		if id != "" || err != nil {
			return id, err
		}
	}
	return "", nil
}

// speaker returns the system whose discovery says a node.
func (o *owners) speaker(k graph.Key) (string, error) {
	for _, r := range o.readers {
		v, err := r.Find(k)
		if errors.Is(err, graph.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		sources, err := graph.NodeSources(r, v.ID, sourcesAsked)
		if err != nil {
			return "", err
		}
		for _, s := range sources {
			if id := scoped(graph.Key{ID: s}); id != "" {
				return id, nil
			}
		}
	}
	return "", nil
}

// name is what people call a system.
func (o *owners) name(id string) string {
	for _, r := range o.readers {
		if v, err := r.Find(graph.Key{Label: graph.System, ID: id}); err == nil {
			if name, _ := v.Props["name"].(string); name != "" {
				return name
			}
		}
	}
	return id
}

// timeOf reads a time of the request; zero when it is not given.
func timeOf(r *http.Request, name string) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, admin.Badf("%s=%s is not a time as 2026-11-25T08:00:00Z", name, text)
	}
	return t, nil
}
