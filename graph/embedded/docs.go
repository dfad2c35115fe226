package embedded

import (
	"bytes"
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
	var current []byte
	var old struct{ since, doc int64 }
	had, err := w.c.one(func(r *rows) { current, old.since, old.doc = r.blob(0), r.int(1), r.int(2) },
		"SELECT d.hash, r.since, r.doc FROM docref r JOIN doc d ON d.id=r.doc WHERE r.label=?1 AND r.key=?2 AND r.type=?3 AND r.instance=?4 AND r.till=?5",
		d.System.Label, d.System.ID, d.Type, d.Instance, stillOpen)
	if err != nil {
		return false, err
	}
	if had == !p.gone && bytes.Equal(current, p.hash) {
		return false, nil
	}
	if p.gone {
		return true, w.endDoc(d, old.since, old.doc)
	}
	id, err := w.storeDoc(p)
	if err != nil {
		return false, fmt.Errorf("document %s: %w", d.Type, err)
	}
	if had {
		if err := w.endDoc(d, old.since, old.doc); err != nil {
			return false, err
		}
	}
	return true, w.c.exec("INSERT INTO docref(label, key, type, instance, till, since, doc) VALUES(?1,?2,?3,?4,?5,?6,?7)",
		d.System.Label, d.System.ID, d.Type, d.Instance, stillOpen, w.clock, id)
}

// endDoc ends the interval of the document that was the newest. One that began
// at this very time was never seen and is not kept.
func (w *writer) endDoc(d *graph.Document, since, doc int64) error {
	const which = " WHERE label=?1 AND key=?2 AND type=?3 AND instance=?4 AND till=?5"
	if since == w.clock {
		if err := w.c.exec("DELETE FROM docref"+which, d.System.Label, d.System.ID, d.Type, d.Instance, stillOpen); err != nil {
			return err
		}
		return w.dropDoc(doc)
	}
	return w.c.exec("UPDATE docref SET till=?6"+which, d.System.Label, d.System.ID, d.Type, d.Instance, stillOpen, w.clock)
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
