package sim

import "sync/atomic"

// spins is how often a waiting thread looks before it goes to sleep: the other
// one is usually done within a few microseconds, unless the machine is busy
// with something else.
const spins = 4000

// gate lets one goroutine wait until another has come to some quantum.
type gate struct {
	open64   atomic.Int64
	sleeping atomic.Bool
	wake     chan struct{}
}

func newGate(q int64) *gate {
	g := &gate{wake: make(chan struct{}, 1)}
	g.open64.Store(q)
	return g
}

// open says that quantum q was reached.
func (g *gate) open(q int64) {
	g.open64.Store(q)
	if g.sleeping.Swap(false) {
		g.wake <- struct{}{}
	}
}

// await returns when quantum q was reached.
func (g *gate) await(q int64) {
	for range spins {
		if g.open64.Load() >= q {
			return
		}
	}
	for g.open64.Load() < q {
		g.sleeping.Store(true)
		if g.open64.Load() >= q && g.sleeping.Swap(false) {
			return
		}
		<-g.wake
	}
}
