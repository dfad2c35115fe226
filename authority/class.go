package authority

import (
	"path"

	"assim/wire"
)

// Class is a kind of systems with an impatience of its own.
type Class struct {
	Names  string // pattern of their names, as for path.Match
	Timing wire.Timing
}

// classify gives a system the impatience of the first class that its name fits,
// unless it has one of its own.
func (a *Authority) classify(n *node) {
	if n.retimed {
		return
	}
	n.timing = nil
	for i := range a.cfg.Classes {
		if ok, err := path.Match(a.cfg.Classes[i].Names, n.name); err == nil && ok {
			n.timing = &a.cfg.Classes[i].Timing
			return
		}
	}
}

// rename gives a system another name, and what follows from it.
func (a *Authority) rename(n *node, name string) {
	was := a.timing(n)
	n.name = name
	if a.classify(n); a.timing(n) != was {
		a.enqueue(n)
	}
}
