package nanoprobe

import (
	"time"

	"assim/wire"
	"assim/wire/pack"
)

// hashesDelay is how long first looks are gathered before their hashes are
// told: one message for all of them instead of one each.
const hashesDelay = 500 * time.Millisecond

// name tells documents of one system apart.
type name struct{ typ, instance string }

// document is one document as this system has it now.
type document struct {
	text   *text
	hash   wire.Hash
	secret bool      // never by datagram
	base   *text     // newest version that the CMA is believed to have; nil: none
	baseOf wire.Hash // its hash
}

// pack makes it what travels, as a patch where that is smaller.
func (d *document) pack(which name) (wire.Document, error) {
	json, err := d.text.read()
	if err != nil {
		return wire.Document{}, err
	}
	base, err := d.base.read()
	if err != nil {
		return wire.Document{}, err
	}
	return pack.Pack(which.typ, which.instance, json, base)
}

// ref names the document for the CMA.
func (n name) ref(h wire.Hash) wire.DocRef {
	return wire.DocRef{Type: n.typ, Instance: n.instance, Hash: h}
}

// documents are all of this system's: what is unchanged says nothing.
type documents struct {
	of     map[name]*document
	fresh  map[name]bool // looked at for the first time: the CMA is told the hash
	tellAt time.Time     // when; zero: nothing to tell
}

func newDocuments() *documents {
	return &documents{of: map[name]*document{}, fresh: map[name]bool{}}
}

// found takes in what a look has found. It reports whether the document is to
// be sent: it differs from one that the CMA has been told of before.
func (d *documents) found(now time.Time, n name, json []byte, hash wire.Hash, secret bool) (send bool) {
	have := d.of[n]
	if have == nil {
		d.of[n] = &document{text: &text{plain: json}, hash: hash, secret: secret}
		d.fresh[n] = true
		if d.tellAt.IsZero() {
			d.tellAt = now.Add(hashesDelay)
		}
		return false
	}
	if have.hash == hash {
		return false
	}
	have.text, have.hash = &text{plain: json}, hash
	return !d.fresh[n]
}

// hashes returns what the CMA is to be told now: the hashes of documents that
// it may have from an earlier session.
func (d *documents) hashes(now time.Time) []wire.DocRef {
	if d.tellAt.IsZero() || now.Before(d.tellAt) {
		return nil
	}
	var refs []wire.DocRef
	for n := range d.fresh {
		doc := d.of[n]
		refs = append(refs, n.ref(doc.hash))
		doc.base, doc.baseOf = doc.text, doc.hash
	}
	d.tellAt = time.Time{}
	clear(d.fresh)
	return refs
}

// again forgets what the CMA was told: a new session tells it anew.
func (d *documents) again(now time.Time) {
	for n, doc := range d.of {
		doc.base, doc.baseOf = nil, wire.Hash{}
		d.fresh[n] = true
	}
	if len(d.of) > 0 {
		d.tellAt = now.Add(hashesDelay)
	}
}

// wanted notes which version the CMA has, and returns the document to send.
func (d *documents) wanted(r wire.DocRef) (name, *document) {
	n := name{r.Type, r.Instance}
	doc := d.of[n]
	if doc == nil {
		return n, nil
	}
	if doc.baseOf != r.Hash || doc.hash == r.Hash {
		doc.base, doc.baseOf = nil, wire.Hash{}
	}
	return n, doc
}

// stored notes that the CMA has this version.
func (d *documents) stored(r wire.DocRef) {
	doc := d.of[name{r.Type, r.Instance}]
	if doc != nil && doc.hash == r.Hash {
		doc.base, doc.baseOf = doc.text, doc.hash
	}
}

// squeeze makes small what is kept of all of them.
func (d *documents) squeeze() {
	for _, doc := range d.of {
		doc.text.squeeze()
	}
}
