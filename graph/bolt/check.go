package bolt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrDamaged means that what the server keeps does not fit together: somebody
// else wrote into it, or a disk did.
var ErrDamaged = errors.New("the graph on the server is damaged")

const checkGroup = 5000 // nodes, sources or documents looked at in one query

// Check looks at all that is kept and reports what does not fit together. The
// server's own files are its own tools' matter: neo4j-admin database check.
func (s *Store) Check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, part := range []func(context.Context) error{s.checkNodes, s.checkSources, s.checkDocuments} {
		if err := part(ctx); err != nil {
			return fmt.Errorf("graph: %w", err)
		}
	}
	return nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s; copy it into an empty store, or reindex it into one", ErrDamaged, fmt.Sprintf(format, args...))
}

// checkNodes looks at every node, and at the relationships that leave it.
func (s *Store) checkNodes(ctx context.Context) error {
	strangers, err := s.read(ctx, "MATCH (n:AssimNode) WHERE n._id IS NULL RETURN count(n)", nil)
	if err != nil {
		return err
	}
	if n := number(strangers[0][0]); n > 0 {
		return damaged("%d nodes have no number", n)
	}
	for after := int64(-1); ; {
		rows, err := s.read(ctx, `MATCH (n:AssimNode) WHERE n._id > $after WITH n ORDER BY n._id LIMIT $group
			RETURN n._id, n._key, n._uid, n._state, COUNT { MATCH (c:AssimClaim {elem: n._key}) WHERE c.source IS NOT NULL },
			COLLECT { MATCH (n)-[r]->(m:AssimNode) RETURN [m._id, r._key, r._uid, r._state, COUNT { MATCH (c:AssimClaim {elem: r._key}) WHERE c.source IS NOT NULL }] }`,
			map[string]any{"after": after, "group": int64(checkGroup)})
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			id := number(row[0])
			if id == after {
				return damaged("two nodes have the number %d", id)
			}
			after = id
			if err := s.checkNode(id, row[1:]); err != nil {
				return err
			}
		}
	}
}

func (s *Store) checkNode(id int64, row []any) error {
	v, err := s.checkElement(row, false)
	if err != nil {
		return err
	}
	if v.ID != id {
		return damaged("node %s has the number %d and was written with %d", text(row[1]), id, v.ID)
	}
	rels, _ := row[4].([]any)
	for _, r := range rels {
		rel, _ := r.([]any)
		e, err := s.checkElement(rel[1:], true)
		if err != nil {
			return err
		}
		if e.A != id || e.B != number(rel[0]) {
			return damaged("relationship %s goes from %d to %d and was written from %d to %d", text(rel[2]), id, number(rel[0]), e.A, e.B)
		}
	}
	return nil
}

// checkElement looks at one row: key, identity, state and how many claims.
func (s *Store) checkElement(row []any, isRel bool) (*version, error) {
	u := uid(text(row[1]))
	e, err := u.parse()
	if err != nil || e.isRel != isRel {
		return nil, damaged("identity %.80q is none", string(u))
	}
	if u.short() != text(row[0]) {
		return nil, damaged("%s is filed as another", u)
	}
	v, err := decodeVersion(text(row[2]))
	if err != nil {
		return nil, damaged("%s: %v", u, err)
	}
	if v.From > s.count.serial {
		return nil, damaged("%s is of commit %d, and the newest is %d", u, v.From, s.count.serial)
	}
	if claims := number(row[3]); (v.Owner == "") != (claims > 1) {
		return nil, damaged("%s is said by %q, and %d more are kept to say it", u, v.Owner, claims)
	}
	return v, nil
}

// checkSources sees that everything a source says is there.
func (s *Store) checkSources(ctx context.Context) error {
	for after := ""; ; {
		rows, err := s.read(ctx, `MATCH (s:AssimSource) WHERE s.name > $after WITH s ORDER BY s.name LIMIT $group
			RETURN s.name, s.elems`, map[string]any{"after": after, "group": int64(exportGroup)})
		if err != nil || len(rows) == 0 {
			return err
		}
		byNode := map[string]string{}
		keys := []string{}
		for _, row := range rows {
			after = text(row[0])
			for _, e := range texts(row[1]) {
				element, err := uid(e).parse()
				if err != nil {
					return damaged("source %s: %v", after, err)
				}
				if short := uid(e).short(); !element.isRel && byNode[short] == "" {
					byNode[short] = after + " says " + e
					keys = append(keys, short)
				}
			}
		}
		missing, err := s.read(ctx, "UNWIND $keys AS k OPTIONAL MATCH (n:AssimNode {_key: k}) WITH k, n WHERE n IS NULL RETURN k LIMIT 1", map[string]any{"keys": keys})
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return damaged("%s, which is not there", byNode[text(missing[0][0])])
		}
	}
}

// checkDocuments sees that every document is what its hash says, and that none
// that somebody has is missing.
func (s *Store) checkDocuments(ctx context.Context) error {
	rows, err := s.read(ctx, "MATCH (d:AssimDocRef) WHERE NOT EXISTS { MATCH (:AssimDocument {hash: d.hash}) } RETURN d.id, d.type LIMIT 1", nil)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		return damaged("a document of %s, %s, is missing", text(rows[0][0]), text(rows[0][1]))
	}
	for after := ""; ; {
		rows, err := s.read(ctx, "MATCH (d:AssimDocument) WHERE d.hash > $after RETURN d.hash, d.json ORDER BY d.hash LIMIT $group", map[string]any{"after": after, "group": int64(exportGroup)})
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			after = text(row[0])
			if sum := sha256.Sum256(bytesOf(row[1])); hex.EncodeToString(sum[:]) != after {
				return damaged("document %s is not what its hash says", after)
			}
		}
	}
}
