package embedded

import (
	"bytes"
	"fmt"
	"slices"
)

// defineIndexes makes the indexes of the file those that the options ask for,
// filling new ones from what is there.
func (w *writer) defineIndexes() error {
	ix := indexes{byLabel: map[int64][]index{}, byName: map[[2]string]int64{}}
	err := w.transaction(func() error {
		old := map[usageKey]int64{} // (label, property) → id
		next := int64(1)
		if err := w.c.each(func(r *rows) error {
			old[usageKey{r.int(1), r.int(2)}] = r.int(0)
			next = max(next, r.int(0)+1)
			return nil
		}, "SELECT id, label, prop FROM indexed"); err != nil {
			return err
		}
		for _, l := range w.s.opt.Labels {
			for _, p := range l.Index {
				id, fresh, err := w.defineIndex(old, next, l.Label, p, &ix)
				if err != nil {
					return fmt.Errorf("index of %s.%s: %w", l.Label, p, err)
				}
				if fresh {
					next = id + 1
				}
			}
		}
		for _, id := range old {
			if err := w.c.exec("DELETE FROM value WHERE ix=?1", id); err != nil {
				return err
			}
			if err := w.c.exec("DELETE FROM indexed WHERE id=?1", id); err != nil {
				return err
			}
		}
		return nil
	})
	w.s.index = ix
	return err
}

// defineIndex adds one index to ix, taking it off the list of old ones or, when
// it is fresh, building it.
func (w *writer) defineIndex(old map[usageKey]int64, next int64, label, p string, ix *indexes) (id int64, fresh bool, err error) {
	l, err := w.s.names.add(w.c, label)
	if err != nil {
		return 0, false, err
	}
	name, err := w.s.names.add(w.c, p)
	if err != nil {
		return 0, false, err
	}
	if id, ok := ix.byName[[2]string{label, p}]; ok {
		return id, false, nil
	}
	id, had := old[usageKey{l, name}]
	delete(old, usageKey{l, name})
	if !had {
		id = next
		if err := w.c.exec("INSERT INTO indexed(id, label, prop) VALUES(?1,?2,?3)", id, l, name); err != nil {
			return 0, false, err
		}
		if err := w.buildIndex(id, l, name); err != nil {
			return 0, false, err
		}
	}
	ix.byLabel[l] = append(ix.byLabel[l], index{id, name})
	ix.byName[[2]string{label, p}] = id
	return id, !had, nil
}

func (w *writer) buildIndex(ix, label, name int64) error {
	return w.c.each(func(r *rows) error {
		b, err := decodeBody(r.view(1))
		if err != nil {
			return err
		}
		for _, p := range b.props {
			if p.name == name {
				return w.c.exec("INSERT OR IGNORE INTO value(ix, value, node) VALUES(?1,?2,?3)", ix, indexedValue(p.value), r.int(0))
			}
		}
		return nil
	}, "SELECT id, body FROM node WHERE label=?1 UNION SELECT n.id, n.body FROM nodelabel l JOIN node n ON n.id=l.node WHERE l.label=?1", label)
}

// entry is one row of the value index, without the node.
type entry struct {
	ix    int64
	value []byte
}

// entries returns what the value index holds of a node.
func (w *writer) entries(label int64, b body) []entry {
	var out []entry
	add := func(label int64) {
		for _, ix := range w.s.index.byLabel[label] {
			for _, p := range b.props {
				if p.name == ix.prop {
					out = append(out, entry{ix.id, indexedValue(p.value)})
				}
			}
		}
	}
	add(label)
	for _, l := range b.labels {
		add(l)
	}
	return out
}

// indexBody makes a new node findable.
func (w *writer) indexBody(v *version, b body) error {
	for _, l := range b.labels {
		if err := w.addLabel(l, v.e.id()); err != nil {
			return err
		}
	}
	for _, p := range b.props {
		w.use(usedProp, p.name, 1)
	}
	for _, e := range w.entries(v.label, b) {
		w.fresh.values.add(number(e.ix), blob(e.value), number(v.e.id()))
	}
	return nil
}

func (w *writer) addLabel(label, node int64) error {
	w.usage[usageKey{usedLabel, label}]++
	return w.c.exec("INSERT INTO nodelabel(label, node) VALUES(?1,?2)", label, node)
}

func (w *writer) addEntry(e entry, node int64) error {
	return w.c.exec("INSERT OR IGNORE INTO value(ix, value, node) VALUES(?1,?2,?3)", e.ix, e.value, node)
}

// reindexBody changes what leads to an element from its old body to a new one;
// none when it ends.
func (w *writer) reindexBody(v *version, packed []byte) error {
	was, err := decodeBody(v.body)
	if err != nil {
		return err
	}
	now, err := decodeBody(packed)
	if err != nil {
		return err
	}
	for _, p := range was.props {
		w.use(usedProp, p.name, -1)
	}
	for _, p := range now.props {
		w.use(usedProp, p.name, 1)
	}
	if v.e.isRel() {
		return nil
	}
	return w.reindexNode(v, was, now)
}

func (w *writer) reindexNode(v *version, was, now body) error {
	for _, l := range was.labels {
		if !slices.Contains(now.labels, l) {
			w.usage[usageKey{usedLabel, l}]--
			if err := w.c.exec("DELETE FROM nodelabel WHERE label=?1 AND node=?2", l, v.e.id()); err != nil {
				return err
			}
		}
	}
	for _, l := range now.labels {
		if !slices.Contains(was.labels, l) {
			if err := w.addLabel(l, v.e.id()); err != nil {
				return err
			}
		}
	}
	old, fresh := w.entries(v.label, was), w.entries(v.label, now)
	same := func(x entry) func(entry) bool {
		return func(y entry) bool { return x.ix == y.ix && bytes.Equal(x.value, y.value) }
	}
	for _, e := range old {
		if !slices.ContainsFunc(fresh, same(e)) {
			if err := w.c.exec("DELETE FROM value WHERE ix=?1 AND value=?2 AND node=?3", e.ix, e.value, v.e.id()); err != nil {
				return err
			}
		}
	}
	for _, e := range fresh {
		if !slices.ContainsFunc(old, same(e)) {
			if err := w.addEntry(e, v.e.id()); err != nil {
				return err
			}
		}
	}
	return nil
}
