package bolt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
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
			RETURN n._id, properties(n), COLLECT { MATCH (n)-[r]->(m:AssimNode) RETURN [properties(r), ''`+relKey+`] }`,
			map[string]any{"after": after, "group": int64(checkGroup)})
		if err != nil || len(rows) == 0 {
			return err
		}
		speaks := &speakers{map[string]uid{}, map[int64]uid{}}
		for _, row := range rows {
			id := number(row[0])
			if id == after {
				return damaged("two nodes have the number %d", id)
			}
			after = id
			if err := s.checkNode(id, row[1:], speaks); err != nil {
				return err
			}
		}
		if err := s.checkSpeakers(ctx, speaks); err != nil {
			return err
		}
	}
}

// checkNode adds to speaks who is to say it.
func (s *Store) checkNode(id int64, row []any, speaks *speakers) error {
	props, _ := row[0].(map[string]any)
	u := identity(props)
	if e, err := u.parse(); err != nil || e.isRel {
		return damaged("identity %.80q is none", string(u))
	}
	if u.key() != text(props["_key"]) {
		return damaged("%s is filed as another", u)
	}
	v, err := s.checkElement(u, props, speaks)
	if err != nil {
		return err
	}
	if v.ID != id {
		return damaged("node %s has the number %d and was written with %d", u, id, v.ID)
	}
	rels, _ := row[1].([]any)
	for _, r := range rels {
		rel, _ := r.([]any)
		k, err := relKeyOf(rel[2:])
		if err != nil {
			return damaged("a relationship of %s: %v", u, err)
		}
		props, _ := rel[0].(map[string]any)
		if _, err := s.checkElement(relUID(k), props, speaks); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) checkElement(u uid, props map[string]any, speaks *speakers) (*version, error) {
	v, err := decodeLive(props)
	if err != nil {
		return nil, damaged("%s: %v", u, err)
	}
	if v.From > s.count.serial {
		return nil, damaged("%s is of commit %d, and the newest is %d", u, v.From, s.count.serial)
	}
	if v.Owner == 0 {
		speaks.several[u.key()+" "] = u
	} else {
		speaks.one[v.Owner] = u
	}
	return v, nil
}

// speakers is what is said by whom: by several sources, by the key with which
// their claims begin; or by one, by its number.
type speakers struct {
	several map[string]uid
	one     map[int64]uid
}

// checkSpeakers sees that whoever says something is there.
func (s *Store) checkSpeakers(ctx context.Context, speaks *speakers) error {
	rows, err := s.read(ctx, "UNWIND $p.elems AS e WITH e, COUNT { MATCH (c:AssimClaim) WHERE c.key STARTS WITH e } AS n WHERE n < 2 RETURN e, n LIMIT 1",
		list("elems", slices.Collect(maps.Keys(speaks.several))))
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		return damaged("%s is said by several, and %d are kept to say it", speaks.several[text(rows[0][0])], number(rows[0][1]))
	}
	rows, err = s.read(ctx, "UNWIND $p.numbers AS n OPTIONAL MATCH (s:AssimSource {number: n}) WITH n, s WHERE s IS NULL RETURN n LIMIT 1",
		list("numbers", slices.Collect(maps.Keys(speaks.one))))
	if err != nil || len(rows) == 0 {
		return err
	}
	return damaged("%s is said by source number %d, which is not there", speaks.one[number(rows[0][0])], number(rows[0][0]))
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
			said, err := decodeElements(text(row[1]))
			if err != nil {
				return damaged("source %s: %v", after, err)
			}
			for u, e := range said {
				if key := u.key(); !e.isRel && byNode[key] == "" {
					byNode[key] = after + " says " + string(u)
					keys = append(keys, key)
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
	rows, err := s.read(ctx, "MATCH (d:AssimDocRef) WHERE NOT EXISTS { MATCH (:AssimDocument {hash: d.hash}) } RETURN coalesce(d.name, d.ref) LIMIT 1", nil)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		return damaged("a document of %s is missing", text(rows[0][0]))
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
