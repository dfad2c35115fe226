package bolt

import (
	"iter"
	"maps"

	"assim/graph"
)

// claims are what sources say of an element. Of nearly all elements one source
// alone speaks, and thousands are read and written together: a map for each
// would cost more than all else that is done with them.
type claims struct {
	sole graph.Claim            // unless its Source is empty, which no source's is
	more map[string]graph.Claim // the others, by source
}

func (c *claims) len() int {
	if c.sole.Source == "" {
		return len(c.more)
	}
	return 1 + len(c.more)
}

func (c *claims) of(source string) (graph.Claim, bool) {
	if c.sole.Source == source {
		return c.sole, true
	}
	said, ok := c.more[source]
	return said, ok
}

// put replaces what its source said before.
func (c *claims) put(said graph.Claim) {
	if c.sole.Source == said.Source || c.len() == 0 {
		c.sole = said
		return
	}
	if c.more == nil {
		c.more = map[string]graph.Claim{}
	}
	c.more[said.Source] = said
}

func (c *claims) drop(source string) {
	if c.sole.Source == source {
		c.sole = graph.Claim{}
	}
	delete(c.more, source)
}

func (c *claims) all() iter.Seq[graph.Claim] {
	return func(yield func(graph.Claim) bool) {
		if c.sole.Source != "" && !yield(c.sole) {
			return
		}
		for _, said := range c.more {
			if !yield(said) {
				return
			}
		}
	}
}

// union is what they say together.
func (c *claims) union() ([]string, graph.Props) {
	list := make([]graph.Claim, 0, 1)
	for said := range c.all() {
		list = append(list, said)
	}
	return graph.Union(list)
}

// sources is a set of names of sources, of which nearly all have one.
type sources struct {
	sole string
	more map[string]bool
}

func (s *sources) add(name string) {
	switch {
	case s.sole == name:
	case s.sole == "":
		s.sole = name
	case s.more == nil:
		s.more = map[string]bool{name: true}
	default:
		s.more[name] = true
	}
}

func (s *sources) empty() bool { return s.sole == "" }

func (s *sources) has(name string) bool { return s.sole == name || s.more[name] }

func (s *sources) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		if s.sole == "" || !yield(s.sole) {
			return
		}
		maps.Keys(s.more)(yield)
	}
}
