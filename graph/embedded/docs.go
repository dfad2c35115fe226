package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"

	"assim/graph"
)

// stillOpen is the end of an interval that has none yet.
const stillOpen = int64(math.MaxInt64)

// maxDocument bounds what a stored document may unpack to.
const maxDocument = 64 << 20

var unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxDocument)) // options are constants and valid

// applyDoc stores a document, unless its content is known, and makes it the
// newest of its system, type and instance. It reports whether that is news.
func (w *writer) applyDoc(d *graph.Document, p *preparedDoc) (bool, error) {
	key := docsKey(d.System.Label, d.System.ID, d.Type, d.Instance)
	var current []byte
	var old docref
	placed, err := w.c.one(func(r *rows) { old.slot, old.since, old.doc, current = r.int(0), r.int(1), r.int(2), r.blob(3) },
		"SELECT p.id, r.since, r.doc, d.hash FROM place p LEFT JOIN docref r ON r.slot=p.id AND r.till=?3 LEFT JOIN doc d ON d.id=r.doc WHERE p.key=?1 AND p.kind=?2",
		key, placeOfDocs, stillOpen)
	if err != nil {
		return false, err
	}
	had := current != nil
	if had == !p.gone && bytes.Equal(current, p.hash) {
		return false, nil
	}
	if p.gone {
		return true, errors.Join(w.endDoc(old), w.dropSlot(key, old.slot))
	}
	id, err := w.storeDoc(p)
	if err != nil {
		return false, fmt.Errorf("document %s: %w", d.Type, err)
	}
	if !placed {
		old.slot = w.nextSlot
		w.nextSlot++
		if err := w.place(key, placeOfDocs, old.slot); err != nil {
			return false, err
		}
	}
	if had {
		if err := w.endDoc(old); err != nil {
			return false, err
		}
	}
	return true, w.c.exec("INSERT INTO docref(slot, till, since, doc, label, key, type, instance) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
		old.slot, stillOpen, w.clock, id, d.System.Label, d.System.ID, d.Type, d.Instance)
}

// docref is the newest of the documents that follow each other: those of one
// system, type and instance.
type docref struct{ slot, since, doc int64 }

// docsKey is by what their place is found.
func docsKey(label, key, typ, instance string) string {
	return docsOf(label, key) + typ + "\x00" + instance
}

// docsOf is how the keys of all documents of one system begin.
func docsOf(label, key string) string { return key + "\x00" + label + "\x00" }

// endDoc ends the interval of the document that was the newest. One that began
// at this very time was never seen and is not kept.
func (w *writer) endDoc(old docref) error {
	if old.since == w.clock {
		if err := w.c.exec("DELETE FROM docref WHERE slot=?1 AND till=?2", old.slot, stillOpen); err != nil {
			return err
		}
		return w.dropDoc(old.doc)
	}
	return w.c.exec("UPDATE docref SET till=?3 WHERE slot=?1 AND till=?2", old.slot, stillOpen, w.clock)
}

// dropSlot forgets where documents are of which none is left.
func (w *writer) dropSlot(key string, slot int64) error {
	return w.c.exec("DELETE FROM place WHERE key=?1 AND kind=?2 AND NOT EXISTS (SELECT 1 FROM docref WHERE slot=?3)", key, placeOfDocs, slot)
}

// storeDoc returns the number of a content, storing it if it is new.
func (w *writer) storeDoc(p *preparedDoc) (int64, error) {
	id, err := w.c.integer("SELECT id FROM doc WHERE hash=?1", p.hash)
	if err != nil || id != 0 {
		return id, err
	}
	if p.known {
		return 0, fmt.Errorf("it has no JSON and its hash %x is not stored: %w", p.hash, graph.ErrNotFound)
	}
	packed := packer.EncodeAll(p.raw, nil)
	id = w.nextDoc
	w.nextDoc++
	return id, w.c.exec("INSERT INTO doc(id, hash, size, json) VALUES(?1,?2,?3,?4)", id, p.hash, int64(len(p.raw)), packed)
}

func unpackDoc(packed []byte) ([]byte, error) {
	raw, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("a stored document: %w", errBody)
	}
	return raw, nil
}
