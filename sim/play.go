package sim

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"assim/event"
)

// Play reads a story, runs it, and compares the news with the expected ones.
// newsTo, unless nil, is told the news as they come.
func Play(name string, text io.Reader, opt Options, newsTo io.Writer) (*Result, error) {
	st, err := readStory(name, text)
	if err != nil {
		return nil, err
	}
	if opt.Seed == 0 {
		opt.Seed = st.seed
	}
	opt.Timing, opt.MaxPerTick = st.timing, 1<<20
	began := stopwatch()
	s := newSim(st.e, opt)
	s.tell(newsTo)
	if err := s.seatCMA(st.cmaBox, st.cmaHost); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.warm()
	s.news = nil
	s.net.loss, s.net.dup = st.loss, st.dup
	for i := range st.deeds {
		d := &st.deeds[i]
		s.runTo(d.at)
		if err := s.do(d); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	s.runTo(st.length)
	r := s.result(name, began)
	st.compare(s, r)
	return r, nil
}

// seatCMA plugs the CMA in: on a switch of its own unless the story says where.
func (s *Sim) seatCMA(box, host string) error {
	s.local = -1
	if host != "" {
		sys, ok := s.e.byName[host]
		if !ok {
			return fmt.Errorf("the CMA's host %s is no system", host)
		}
		s.local = sys
		s.net.cmaBox = s.e.nics[sys][0].box
		s.cma = s.newCentre()
		return nil
	}
	if box != "" {
		b, err := s.switchBy(box)
		s.net.cmaBox = b
		return err
	}
	s.net.cmaBox = s.e.box("sw-cma", "net-cma", "site1", 0)
	s.net.grow()
	return nil
}

// compare checks the news against the script: each line must come once, within
// its time; whatever else is shown must not come.
func (st *story) compare(s *Sim, r *Result) {
	if !st.told {
		return
	}
	r.IncidentsRight, r.IncidentsWrong = 0, 0
	used := make([]bool, len(st.wanted))
	for i := range s.news {
		e := &s.news[i]
		if !st.shown[e.Kind] {
			continue
		}
		at := e.At.Sub(epoch)
		k := slices.IndexFunc(st.wanted, func(w wanted) bool { return w.fits(e, at) })
		for k >= 0 && used[k] {
			n := slices.IndexFunc(st.wanted[k+1:], func(w wanted) bool { return w.fits(e, at) })
			if n < 0 {
				k = -1
				break
			}
			k += 1 + n
		}
		if k < 0 {
			r.Differences = append(r.Differences, fmt.Sprintf("not expected: %.3fs %s %s", at.Seconds(), e.Kind, describe(e)))
			r.IncidentsWrong += countIf(opens(e))
			continue
		}
		used[k] = true
		r.IncidentsRight += countIf(opens(e))
	}
	for k, w := range st.wanted {
		if !used[k] {
			r.Differences = append(r.Differences, fmt.Sprintf("line %d did not come: %v..%v %s %s", w.line, w.from, w.to, w.kind, w.name))
		}
	}
}

func (w *wanted) fits(e *event.Event, at time.Duration) bool {
	if e.Kind != w.kind || at < w.from || at > w.to || w.name != "" && w.name != e.Name && w.name != e.System {
		return false
	}
	if w.of != 0 && len(e.Affected) != w.of {
		return false
	}
	for _, by := range w.by {
		if !slices.Contains(e.Witnesses, by) {
			return false
		}
	}
	return true
}

func describe(e *event.Event) string {
	text := e.Name
	if len(e.Witnesses) > 0 {
		text += " by " + strings.Join(e.Witnesses, " ")
	}
	if len(e.Affected) > 1 {
		text += fmt.Sprintf(" of %d", len(e.Affected))
	}
	return text + ": " + e.Text
}

func countIf(b bool) int {
	if b {
		return 1
	}
	return 0
}
