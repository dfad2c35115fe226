package embedded

import (
	"context"
	"strings"
	"time"

	"assim/graph"
)

// The word index lags behind the graph by a moment: the writer brings it up to
// date when nobody has wanted anything for a while. A search looks at what is
// not indexed yet by itself, so it always answers exactly.
const (
	wordsDelay     = 100 * time.Millisecond // how long nobody wants anything
	wordsPerSlice  = 500                    // log entries indexed in one go, with somebody perhaps waiting
	maxWordsBehind = 2000                   // log entries; with more, changes have to wait for the index
)

// Settle waits until the word index is up to date. Searching needs no such
// thing; measuring does.
func (s *Store) Settle(ctx context.Context) error {
	for behind := true; behind; {
		err := s.submit(&request{ctx: ctx, job: func(w *writer) error {
			behind = w.indexedTo < w.nextSeq-1
			if !behind {
				return nil
			}
			return w.wordsTo(min(w.indexedTo+wordsPerSlice, w.nextSeq-1))
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// indexWords brings the word index a step nearer to now. It need not reach the
// disk at once: what is lost with the power is indexed again.
func (w *writer) indexWords() {
	_ = w.c.script("PRAGMA synchronous = NORMAL") // at worst it takes longer
	_ = w.transaction(func() error {              // what fails now is tried again; a full disk is told to whoever applies
		return w.wordsTo(min(w.indexedTo+wordsPerSlice, w.nextSeq-1))
	})
	if err := w.c.script("PRAGMA synchronous = FULL"); err != nil {
		w.lame = err
	}
}

// wordsTo indexes what log entries up to one touched.
func (w *writer) wordsTo(to int64) error {
	touched, err := w.touchedBetween(w.indexedTo, to)
	if err != nil {
		return err
	}
	for _, e := range touched {
		if err := w.indexWordsOf(e); err != nil {
			return err
		}
	}
	w.indexedTo = to
	return w.c.exec("INSERT INTO meta(name, value) VALUES('words', ?1) ON CONFLICT DO UPDATE SET value=?1", to)
}

// touchedBetween returns the nodes in log entries after from up to to, once each.
func (w *writer) touchedBetween(from, to int64) ([]elem, error) {
	seen := map[elem]bool{}
	var out []elem
	err := w.c.each(func(r *rows) error {
		elems, err := decodeElems(r.view(0))
		if err != nil {
			return err
		}
		for _, e := range elems {
			if !e.isRel() && !seen[e] {
				seen[e] = true
				out = append(out, e)
			}
		}
		return nil
	}, "SELECT elems FROM log WHERE seq>?1 AND seq<=?2", from, to)
	return out, err
}

func (w *writer) indexWordsOf(e elem) error {
	var key string
	var packed []byte
	found, err := w.c.one(func(r *rows) { key, packed = r.text(0), r.blob(1) }, "SELECT key, body FROM node WHERE id=?1", e.id())
	if err != nil {
		return err
	}
	if !found {
		return w.c.exec("DELETE FROM words WHERE rowid=?1", e.id())
	}
	b, err := decodeBody(packed)
	if err != nil {
		return err
	}
	props := make(graph.Props, len(b.props))
	for _, p := range b.props {
		name, err := w.s.names.text(p.name)
		if err != nil {
			return err
		}
		props[name] = p.value
	}
	text := strings.Join(graph.Words(graph.SearchText(graph.Key{ID: key}, props)), " ")
	if e.id() <= w.lastWord {
		return w.c.exec("INSERT OR REPLACE INTO words(rowid, text) VALUES(?1,?2)", e.id(), text)
	}
	// Nodes are numbered as they come, so this one was never indexed: there is
	// nothing to replace, which costs more to find out than to insert.
	w.lastWord = e.id()
	return w.c.exec("INSERT INTO words(rowid, text) VALUES(?1,?2)", e.id(), text)
}
