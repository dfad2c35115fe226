package cma

import (
	"log/slog"
	"maps"
	"sync"
	"time"
)

// health counts what happened and remembers the last thing that went wrong. It
// is safe for concurrent use.
type health struct {
	log *slog.Logger
	now func() time.Time

	mu       sync.Mutex
	counters map[string]uint64
	minutes  [2]snapshot // counters as they were up to one and two minutes ago
	last     string
	lastAt   time.Time

	offenders offenders
}

type snapshot struct {
	at       time.Time
	counters map[string]uint64
}

func newHealth(log *slog.Logger, now func() time.Time) *health {
	h := &health{log: log, now: now, counters: map[string]uint64{}}
	h.minutes[0] = snapshot{at: now(), counters: map[string]uint64{}}
	h.minutes[1] = h.minutes[0]
	return h
}

// count adds one to a counter, named in words that people read.
func (h *health) count(name string) { h.add(name, 1) }

// add counts several at once.
func (h *health) add(name string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counters[name] += uint64(n)
	if now := h.now(); now.Sub(h.minutes[0].at) >= time.Minute {
		h.minutes[1] = h.minutes[0]
		h.minutes[0] = snapshot{now, maps.Clone(h.counters)}
	}
}

// failed notes an error of the CMA's own. The same one is logged once a minute.
func (h *health) failed(what string, err error) {
	h.mu.Lock()
	text := what + ": " + err.Error()
	repeated := text == h.last && h.now().Sub(h.lastAt) < time.Minute
	if !repeated {
		h.last, h.lastAt = text, h.now()
	}
	h.mu.Unlock()
	h.count("errors")
	if !repeated {
		h.log.Error(what, "error", err)
	}
}

// read returns the counters, their growth per minute, and the last error.
func (h *health) read() (counters map[string]uint64, rates map[string]float64, last string, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	counters, rates = maps.Clone(h.counters), map[string]float64{}
	then := h.minutes[1]
	span := max(h.now().Sub(then.at), time.Second).Minutes()
	for name, n := range counters {
		rates[name] = float64(n-then.counters[name]) / span
	}
	return counters, rates, h.last, h.lastAt
}
