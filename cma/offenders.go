package cma

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"assim/admin"
	"assim/graph"
	"assim/wire"
)

// Limits on what is kept of systems that say what cannot be read.
const (
	maxOffenders = 1024             // systems; of others it is counted only
	offenceTells = time.Minute      // between two lines in the log about one
	offenceLasts = 10 * time.Minute // without another one, until it is over
	maxReason    = 200              // bytes of a reason
	maxAside     = 64               // documents set aside per system
)

// offenders are the systems that send what is authentic and cannot be read. They
// are known by name, for the log once a minute and for the status as long as it
// goes on: what they say differs each time, and is not worth more. It is safe for
// concurrent use.
type offenders struct {
	mu sync.Mutex
	of map[wire.ID]*offence
}

type offence struct {
	since, last, told time.Time
	count             int
	reason            string
}

// malformed notes that a system has sent something that cannot be read.
func (h *health) malformed(what string, from wire.ID, err error) {
	h.count(what)
	now := h.now()
	if o, tell := h.offenders.note(now, from, clip(err.Error(), maxReason)); tell {
		h.log.Warn("a system sends what cannot be read", "id", from, "since", o.since, "times", o.count, "last", o.reason)
	}
}

func clip(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// note counts one and says whether it is time for a line in the log.
func (l *offenders) note(now time.Time, from wire.ID, reason string) (o offence, tell bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[wire.ID]*offence{}
	}
	x := l.of[from]
	if x == nil {
		if len(l.of) >= maxOffenders {
			l.forget(now)
		}
		if len(l.of) >= maxOffenders {
			return o, false
		}
		x = &offence{since: now}
		l.of[from] = x
	}
	if x.count > 0 && now.Sub(x.last) >= offenceLasts {
		x.since, x.count = now, 0
	}
	x.last, x.reason = now, reason
	x.count++
	if tell = now.Sub(x.told) >= offenceTells; tell {
		x.told = now
	}
	return *x, tell
}

func (l *offenders) forget(now time.Time) {
	for id, x := range l.of {
		if now.Sub(x.last) >= offenceLasts {
			delete(l.of, id)
		}
	}
}

// read lists with whom it goes on, longest first.
func (l *offenders) read(now time.Time) []admin.Malformed {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(now)
	list := []admin.Malformed{}
	for id, x := range l.of {
		list = append(list, admin.Malformed{System: id.String(), Since: x.since, Last: x.last, Count: x.count, Reason: x.reason})
	}
	slices.SortFunc(list, func(a, b admin.Malformed) int { return a.Since.Compare(b.Since) })
	return list
}

// asides knows which documents are set aside, so that one system cannot fill the
// store with them, and that each is news once. It is safe for concurrent use.
type asides struct {
	mu sync.Mutex
	of map[string]map[string]bool // by system: its documents; nil: not read yet
}

// add notes that a document is set aside; known tells that it was before, and
// full that its system has too many already.
func (a *asides) add(ctx context.Context, store graph.Store, system, name string) (known, full bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.load(ctx, store); err != nil {
		return false, false, err
	}
	mine := a.of[system]
	switch {
	case mine[name]:
		return true, false, nil
	case len(mine) >= maxAside:
		return false, true, nil
	case mine == nil:
		mine = map[string]bool{}
		a.of[system] = mine
	}
	mine[name] = true
	return false, false, nil
}

// remove notes that a document is not set aside any more, if it was.
func (a *asides) remove(system, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if mine := a.of[system]; mine[name] {
		if delete(mine, name); len(mine) == 0 {
			delete(a.of, system)
		}
	}
}

// load reads what an earlier run has set aside.
func (a *asides) load(ctx context.Context, store graph.Store) error {
	if a.of != nil {
		return nil
	}
	of := map[string]map[string]bool{}
	for r, err := range store.Records(ctx, asideBucket) {
		var x aside
		if err == nil {
			err = json.Unmarshal(r.Value, &x)
		}
		if err != nil {
			return fmt.Errorf("what is set aside: %w", err)
		}
		if of[x.System] == nil {
			of[x.System] = map[string]bool{}
		}
		of[x.System][r.Name] = true
	}
	a.of = of
	return nil
}
