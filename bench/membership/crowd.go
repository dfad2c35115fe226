package main

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A crowd is N systems that watch one another.
type crowd interface {
	kill(i int)
	starve(i int, until time.Time) // it does not run until then
	mustKnow(dead int) int         // how many of the others have to know of a death
	patience() time.Duration       // how long one must be held for lost to be dead
	log() *newsLog
	wires() *wires
	stop()
}

// news is what one system says of another.
type news struct {
	at        time.Time
	by, about int
	lost      bool // else: back
}

// newsLog collects news from all systems.
type newsLog struct {
	mu      sync.Mutex
	all     []news
	reports int // to the centre
	orders  int // from it
}

func (l *newsLog) add(all ...news) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, all...)
}

// told notes a report to the centre and the orders that followed from it.
func (l *newsLog) told(orders int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reports++
	l.orders += orders
}

// take empties the log.
func (l *newsLog) take() (all []news, reports, orders int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, reports, orders = l.all, l.reports, l.orders
	l.all, l.reports, l.orders = nil, 0, 0
	return all, reports, orders
}

// peek copies the log.
func (l *newsLog) peek() []news {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]news(nil), l.all...)
}

// wires count and lose datagrams.
type wires struct {
	packets, bytes atomic.Int64
	loss           atomic.Int64 // per thousand
}

func (w *wires) sent(n int) {
	w.packets.Add(1)
	w.bytes.Add(int64(n))
}

// loses decides about one datagram that arrived.
func (w *wires) loses() bool { return rand.Int64N(1000) < w.loss.Load() }
