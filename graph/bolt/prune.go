package bolt

import (
	"context"
	"fmt"
	"time"

	"assim/graph"
)

const (
	pruneEvery = time.Hour // of the store's time
	pruneGroup = 10_000    // versions deleted in one transaction
)

// upkeep prunes what the retention setting no longer keeps. What fails is
// tried again an hour later; until then there is only more history than asked.
func (s *Store) upkeep(ctx context.Context) {
	if s.opt.Retention <= 0 || s.count.clock-s.pruned < int64(pruneEvery) {
		return
	}
	s.pruned = s.count.clock
	_ = s.prune(ctx, instant(s.count.clock-int64(s.opt.Retention)))
}

// Prune forgets versions and documents that ended before a time.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return graph.ErrClosed
	}
	return s.explain(s.prune(ctx, before))
}

func (s *Store) prune(ctx context.Context, before time.Time) error {
	params := map[string]any{"before": before.UnixNano(), "open": open, "group": int64(pruneGroup)}
	// The horizon first: nobody may ask for what is half gone.
	rows, err := s.rows(ctx, "MATCH (m:AssimMeta {name: 'meta'}) SET m.horizon = CASE WHEN coalesce(m.horizon, 0) < $before THEN $before ELSE m.horizon END RETURN m.horizon", params)
	if err != nil || len(rows) == 0 {
		return err
	}
	s.gate.Lock()
	s.horizon = number(rows[0][0])
	s.gate.Unlock()
	for _, part := range []string{
		"MATCH (o:AssimOldNode) WHERE o.till < $before WITH o LIMIT $group DELETE o RETURN count(*)",
		"MATCH (o:AssimOldRel) WHERE o.till < $before WITH o LIMIT $group DELETE o RETURN count(*)",
		"MATCH (c:AssimCommit) WHERE c.time < $before WITH max(c.serial) AS last MATCH (c:AssimCommit) WHERE c.time < $before AND c.serial < last WITH c LIMIT $group DELETE c RETURN count(*)",
		// A document goes with the last who had it.
		`MATCH (d:AssimDocRef) WHERE d.to < $open AND d.till < $before WITH d, d.hash AS hash LIMIT $group DELETE d
			WITH hash, count(*) AS n CALL { WITH hash MATCH (j:AssimDocument {hash: hash}) WHERE NOT EXISTS { MATCH (:AssimDocRef {hash: hash}) } DELETE j }
			RETURN sum(n)`,
	} {
		for {
			rows, err := s.rows(ctx, part, params)
			if err != nil {
				return err
			}
			if len(rows) == 0 || number(rows[0][0]) < pruneGroup {
				break
			}
		}
	}
	return nil
}

// reaches reports, to those who hold the gate, whether history goes back to a
// time.
func (s *Store) reaches(at time.Time) error {
	if s.horizon > 0 && at.Before(instant(s.horizon)) {
		return fmt.Errorf("graph: %w: it begins at %s", graph.ErrTooOld, instant(s.horizon).Format(time.RFC3339))
	}
	return nil
}

// Empty reports whether nothing was ever told to the store.
func (s *Store) Empty(ctx context.Context) (bool, error) {
	rows, err := s.read(ctx, "OPTIONAL MATCH (x:AssimSource|AssimDocRef|AssimRecord|AssimOldNode) RETURN x IS NULL LIMIT 1", nil)
	if err != nil {
		return false, err
	}
	empty, _ := rows[0][0].(bool)
	return empty, nil
}
