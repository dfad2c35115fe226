package host

import "time"

// hand does one operation after the other for somebody who does not wait longer
// than fileTime for one. A look asks for ten thousand files in a row: a goroutine,
// a timer and a channel of their own for each would cost more than the files.
type hand struct {
	jobs  chan func()
	done  chan struct{} // after each; holds one, so that nobody need wait for it
	timer *time.Timer   // of who waits
}

// hand returns one that rests, or a new one.
func (h *hangs) hand() *hand {
	h.mu.Lock()
	defer h.mu.Unlock()
	if last := len(h.resting) - 1; last >= 0 {
		w := h.resting[last]
		h.resting = h.resting[:last]
		return w
	}
	w := &hand{jobs: make(chan func()), done: make(chan struct{}, 1), timer: time.NewTimer(fileTime)}
	go h.work(w)
	return w
}

// rest takes a hand back.
func (h *hangs) rest(w *hand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.resting = append(h.resting, w)
}

// dismiss reports whether a hand rests, and may go.
func (h *hangs) dismiss(w *hand) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, one := range h.resting {
		if one == w {
			h.resting = append(h.resting[:i], h.resting[i+1:]...)
			return true
		}
	}
	return false
}

// work does what w is given, until it was given nothing for a while.
func (h *hangs) work(w *hand) {
	idle := time.NewTicker(handTime)
	defer idle.Stop()
	for busy := true; ; {
		select {
		case job := <-w.jobs:
			job()
			w.done <- struct{}{}
			busy = true
		case <-idle.C:
			if !busy && h.dismiss(w) {
				return
			}
			busy = false
		}
	}
}

// do has job done. It reports whether that ended in time; else w belongs to who
// waits for w.done.
func (w *hand) do(job func()) bool {
	w.timer.Reset(fileTime)
	defer w.timer.Stop()
	w.jobs <- job
	select {
	case <-w.done:
		return true
	case <-w.timer.C:
		return false
	}
}
