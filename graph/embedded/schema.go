package embedded

import (
	"errors"
	"fmt"
)

// applicationID marks the file as ours; it reads "asim".
const applicationID = 0x6173696d

// ErrFormat means that a file is not a graph store, or one of a newer format.
var ErrFormat = errors.New("not a graph store that this version can read")

// migrations bring a file from format i to format i+1. A new file starts at
// format 0 and runs them all, so the path is walked by every test. Never alter
// an entry that was released; add one.
var migrations = []string{
	format1,
	format2,
}

const format1 = `
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE usage(kind INTEGER, name INTEGER, n INTEGER NOT NULL, PRIMARY KEY(kind, name)) WITHOUT ROWID;
CREATE TABLE source(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash BLOB, elems BLOB);

CREATE TABLE node(
  id INTEGER PRIMARY KEY, label INTEGER NOT NULL, key TEXT NOT NULL,
  born INTEGER NOT NULL, since INTEGER NOT NULL,
  src INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB);
CREATE UNIQUE INDEX node_key ON node(label, key);
CREATE TABLE nodelabel(label INTEGER, node INTEGER, PRIMARY KEY(label, node)) WITHOUT ROWID;

CREATE TABLE rel(
  id INTEGER PRIMARY KEY, a INTEGER NOT NULL, type INTEGER NOT NULL, b INTEGER NOT NULL, rid TEXT NOT NULL,
  born INTEGER NOT NULL, since INTEGER NOT NULL,
  src INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB);
CREATE UNIQUE INDEX rel_out ON rel(a, type, b, rid);
CREATE INDEX rel_in ON rel(b, type);

CREATE TABLE claim(elem INTEGER, src INTEGER, at INTEGER NOT NULL, body BLOB, PRIMARY KEY(elem, src)) WITHOUT ROWID;
CREATE TABLE indexed(id INTEGER PRIMARY KEY, label INTEGER NOT NULL, prop INTEGER NOT NULL);
CREATE TABLE value(ix INTEGER, value BLOB, node INTEGER, PRIMARY KEY(ix, value, node)) WITHOUT ROWID;

CREATE TABLE oldnode(
  id INTEGER, till INTEGER, since INTEGER NOT NULL, born INTEGER NOT NULL,
  label INTEGER NOT NULL, key TEXT NOT NULL, body BLOB, PRIMARY KEY(id, till)) WITHOUT ROWID;
CREATE INDEX oldnode_key ON oldnode(label, key, till);
CREATE INDEX oldnode_till ON oldnode(till);
CREATE TABLE oldrel(
  id INTEGER, till INTEGER, since INTEGER NOT NULL, born INTEGER NOT NULL,
  a INTEGER NOT NULL, type INTEGER NOT NULL, b INTEGER NOT NULL, rid TEXT NOT NULL, body BLOB, PRIMARY KEY(id, till)) WITHOUT ROWID;
CREATE INDEX oldrel_out ON oldrel(a, till);
CREATE INDEX oldrel_in ON oldrel(b, till);
CREATE INDEX oldrel_till ON oldrel(till);

CREATE TABLE log(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, elems BLOB NOT NULL);
CREATE INDEX log_at ON log(at);

CREATE TABLE doc(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, json BLOB NOT NULL);
CREATE TABLE docref(
  label TEXT, key TEXT, type TEXT, instance TEXT, till INTEGER, since INTEGER NOT NULL, doc INTEGER NOT NULL,
  PRIMARY KEY(label, key, type, instance, till)) WITHOUT ROWID;
CREATE INDEX docref_till ON docref(till) WHERE till < 9223372036854775807;
CREATE INDEX docref_doc ON docref(doc);
CREATE TABLE record(bucket TEXT, name TEXT, value BLOB, PRIMARY KEY(bucket, name)) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(text, content='', contentless_delete=1, detail=none, tokenize='unicode61 remove_diacritics 0');
`

// format2 keeps together what is found by name: nodes, sources and documents.
// Their names begin with a system's id, so a first discovery touches one page
// of this index where it touched one for each label, one for its source and one
// for its document. All else only grows at its end.
const format2 = `
CREATE TABLE place(key TEXT, kind INTEGER, id INTEGER NOT NULL, PRIMARY KEY(key, kind)) WITHOUT ROWID;

DROP INDEX node_key;
CREATE INDEX node_label ON node(label);
INSERT INTO place(key, kind, id) SELECT key, label, id FROM node;

ALTER TABLE source RENAME TO source1;
CREATE TABLE source(id INTEGER PRIMARY KEY, name TEXT NOT NULL, hash BLOB, elems BLOB);
INSERT INTO source(id, name, hash, elems) SELECT id, name, hash, elems FROM source1;
INSERT INTO place(key, kind, id) SELECT name, -1, id FROM source;
DROP TABLE source1;

DROP INDEX docref_till;
DROP INDEX docref_doc;
ALTER TABLE docref RENAME TO docref1;
CREATE TABLE slot2(slot INTEGER PRIMARY KEY, label TEXT, key TEXT, type TEXT, instance TEXT);
INSERT INTO slot2(label, key, type, instance) SELECT DISTINCT label, key, type, instance FROM docref1;
CREATE TABLE docref(
  slot INTEGER, till INTEGER, since INTEGER NOT NULL, doc INTEGER NOT NULL,
  label TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, instance TEXT NOT NULL, PRIMARY KEY(slot, till)) WITHOUT ROWID;
INSERT INTO docref(slot, till, since, doc, label, key, type, instance)
  SELECT s.slot, r.till, r.since, r.doc, r.label, r.key, r.type, r.instance FROM docref1 r JOIN slot2 s USING (label, key, type, instance);
INSERT INTO place(key, kind, id) SELECT key || char(0) || label || char(0) || type || char(0) || instance, -2, slot FROM slot2;
DROP TABLE docref1;
DROP TABLE slot2;
CREATE INDEX docref_till ON docref(till) WHERE till < 9223372036854775807;
CREATE INDEX docref_doc ON docref(doc);
`

// The kinds of a place, beside a node's: the number of its label.
const (
	placeOfSource int64 = -1 // key: its name
	placeOfDocs   int64 = -2 // key: see docsKey; id: the slot that its documents follow each other in
)

// migrate brings the file behind c to the newest format, one transaction per
// step.
func migrate(c *conn, steps []string) error {
	format, err := c.integer("PRAGMA user_version")
	if err != nil {
		return err
	}
	id, err := c.integer("PRAGMA application_id")
	if err != nil {
		return err
	}
	tables, err := c.integer("SELECT count(*) FROM sqlite_master")
	if err != nil {
		return err
	}
	if id != applicationID && tables > 0 {
		return fmt.Errorf("%w: it is a database of something else", ErrFormat)
	}
	if format > int64(len(steps)) {
		return newerFormat(format, int64(len(steps)))
	}
	for i := format; i < int64(len(steps)); i++ {
		step := fmt.Sprintf("BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d; %s; COMMIT", applicationID, i+1, steps[i])
		if err := c.script(step); err != nil {
			_ = c.script("ROLLBACK") // nothing to roll back when BEGIN failed
			return fmt.Errorf("bringing the file from format %d to %d: %w", i, i+1, err)
		}
	}
	return nil
}

func newerFormat(has, newest int64) error {
	return fmt.Errorf("%w: it has format %d, this version knows up to %d; use the version that wrote it or a newer one", ErrFormat, has, newest)
}
