package cypher

import (
	"strconv"

	"assim/graph"
)

func itoa(n int) string { return strconv.Itoa(n) }

// maxSources is how many names sources() returns at most.
const maxSources = 1000

const kEntity = kNode | kRel

var graphFunctions = map[string]function{
	"id":        {1, 1, []kind{kEntity}, of(kInt), false, entityID},
	"elementId": {1, 1, []kind{kEntity}, of(kString), false, elementID},
	"key": {1, 1, []kind{kNode}, of(kString), false, func(rt *run, a []any) (any, error) {
		n, ok := a[0].(*Node)
		if !ok {
			return nil, wrongArg("key", a[0])
		}
		err := rt.load(n)
		return n.v.Key.String(), err
	}},
	"labels": {1, 1, []kind{kNode}, typ{kList, kString}, false, func(rt *run, a []any) (any, error) {
		n, ok := a[0].(*Node)
		if !ok {
			return nil, wrongArg("labels", a[0])
		}
		if err := rt.load(n); err != nil {
			return nil, err
		}
		return anyList(n.v.Labels), nil
	}},
	"type": {1, 1, []kind{kRel}, of(kString), false, func(_ *run, a []any) (any, error) {
		r, ok := a[0].(*Rel)
		if !ok {
			return nil, wrongArg("type", a[0])
		}
		return r.e.Type, nil
	}},
	"keys": {1, 1, []kind{kEntity | kMap}, typ{kList, kString}, false, func(rt *run, a []any) (any, error) {
		m, err := rt.props(a[0])
		if err != nil {
			return nil, err
		}
		return anyList(sortedKeys(m)), nil
	}},
	"properties": {1, 1, []kind{kEntity | kMap}, of(kMap), false, func(rt *run, a []any) (any, error) {
		m, err := rt.props(a[0])
		if err != nil {
			return nil, err
		}
		out := make(map[string]any, len(m))
		for k, v := range m {
			out[k] = v
		}
		return out, nil
	}},
	"startNode": {1, 1, []kind{kRel}, of(kNode), false, func(_ *run, a []any) (any, error) {
		if r, ok := a[0].(*Rel); ok {
			return &Node{id: r.e.From}, nil
		}
		return nil, wrongArg("startNode", a[0])
	}},
	"endNode": {1, 1, []kind{kRel}, of(kNode), false, func(_ *run, a []any) (any, error) {
		if r, ok := a[0].(*Rel); ok {
			return &Node{id: r.e.To}, nil
		}
		return nil, wrongArg("endNode", a[0])
	}},
	"nodes": {1, 1, []kind{kPath}, typ{kList, kNode}, false, func(_ *run, a []any) (any, error) {
		p, ok := a[0].(*Path)
		if !ok {
			return nil, wrongArg("nodes", a[0])
		}
		return anyList(p.Nodes), nil
	}},
	"relationships": {1, 1, []kind{kPath}, typ{kList, kRel}, false, pathRels},
	"rels":          {1, 1, []kind{kPath}, typ{kList, kRel}, false, pathRels},
	"first_seen":    {1, 1, []kind{kEntity}, of(kTemporal), false, metaTime("first_seen", func(m graph.Meta) any { return FromGo(m.FirstSeen.UTC()) })},
	"last_changed":  {1, 1, []kind{kEntity}, of(kTemporal), false, metaTime("last_changed", func(m graph.Meta) any { return FromGo(m.LastChanged.UTC()) })},
	"sources": {1, 1, []kind{kEntity}, typ{kList, kString}, false, func(rt *run, a []any) (any, error) {
		var names []string
		var err error
		switch x := a[0].(type) {
		case *Node:
			names, err = graph.NodeSources(rt.r, x.id, maxSources)
		case *Rel:
			names, err = graph.RelSources(rt.r, x.e.ID, maxSources)
		default:
			err = wrongArg("sources", a[0])
		}
		return anyList(names), err
	}},
}

func anyList[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}

func entityID(_ *run, a []any) (any, error) {
	switch x := a[0].(type) {
	case *Node:
		return int64(x.id), nil
	case *Rel:
		return int64(x.e.ID), nil
	}
	return nil, wrongArg("id", a[0])
}

func elementID(rt *run, a []any) (any, error) {
	id, err := entityID(rt, a)
	if n, ok := id.(int64); ok {
		return strconv.FormatInt(n, 10), err
	}
	return nil, err
}

func pathRels(_ *run, a []any) (any, error) {
	p, ok := a[0].(*Path)
	if !ok {
		return nil, wrongArg("relationships", a[0])
	}
	return anyList(p.Rels), nil
}

func metaTime(name string, get func(graph.Meta) any) func(*run, []any) (any, error) {
	return func(rt *run, a []any) (any, error) {
		switch x := a[0].(type) {
		case *Node:
			if err := rt.load(x); err != nil {
				return nil, err
			}
			return get(x.v.Meta), nil
		case *Rel:
			return get(x.e.Meta), nil
		}
		return nil, wrongArg(name, a[0])
	}
}
