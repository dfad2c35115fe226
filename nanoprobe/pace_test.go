package nanoprobe

import (
	"testing"
	"time"
)

// paced is a pace on a machine whose clock moves only by work and rests.
type paced struct {
	pace
	time time.Time
	cpu  time.Duration
}

func newPaced() *paced {
	p := &paced{time: time.Unix(0, 0)}
	p.now = func() time.Time { return p.time }
	p.used = func() time.Duration { return p.cpu }
	p.sleep = func(d time.Duration) { p.time = p.time.Add(d) }
	p.wanted = make(chan struct{})
	p.begin()
	return p
}

func (p *paced) work(d time.Duration) {
	p.cpu += d
	p.time = p.time.Add(d)
	p.step()
}

func TestALeisurelyLookUsesLessThanTwoPercentOfAProcessorInEverySecond(t *testing.T) {
	for _, piece := range []time.Duration{50 * time.Microsecond, 3 * time.Millisecond} {
		p := newPaced()
		var second, used time.Duration
		for p.cpu < 500*time.Millisecond {
			before := p.time
			p.work(piece)
			second, used = second+p.time.Sub(before), used+piece
			if second < time.Second {
				continue
			}
			if limit := second/share + slice + piece; used > limit {
				t.Fatalf("in pieces of %v it used %v in %v, more than %v", piece, used, second, limit)
			}
			second, used = 0, 0
		}
		if took := p.time.Sub(time.Unix(0, 0)); took < 36500*time.Millisecond || took > 38500*time.Millisecond {
			t.Errorf("half a second of work in pieces of %v took %v, want 37.5 s", piece, took)
		}
	}
}

func TestWhatOthersUseWhileALookRestsCountsAsWell(t *testing.T) {
	p := newPaced()
	rest := p.sleep
	p.sleep = func(d time.Duration) { rest(d); p.cpu += time.Millisecond }
	for p.cpu < 200*time.Millisecond {
		p.work(500 * time.Microsecond)
	}
	if took := p.time.Sub(time.Unix(0, 0)); took < (200*time.Millisecond-slice)*share {
		t.Errorf("the look and the others used 200 ms in %v", took)
	}
}

func TestALookThatIsWantedRestsNoMore(t *testing.T) {
	p := newPaced()
	p.work(10 * time.Millisecond)
	before := p.time
	p.hurry()
	p.hurry() // twice does no harm
	for range 100 {
		p.work(10 * time.Millisecond)
	}
	if took := p.time.Sub(before); took != time.Second {
		t.Errorf("a second of work took %v", took)
	}
	real := newPace(t.Context(), nil)
	real.hurry()
	real.sleep(time.Hour) // returns at once
}

func TestALookRestsForTheOneBefore(t *testing.T) {
	last := newPaced()
	last.work(10 * time.Millisecond)
	for _, c := range []struct {
		tail, idle time.Duration // what the last look did after its last rest, and how long nothing was done then
		want       time.Duration // how long the next one rests after 2 ms of work
	}{
		{0, time.Hour, slice * (share - 1)},
		{20 * time.Millisecond, 0, 22*share*time.Millisecond - 22*time.Millisecond},
		{20 * time.Millisecond, 500 * time.Millisecond, 22*share*time.Millisecond - 22*time.Millisecond - 500*time.Millisecond},
		{20 * time.Millisecond, time.Minute, slice * (share - 1)},
	} {
		next := newPaced()
		next.cpu, next.time = last.cpu+c.tail, last.time.Add(c.tail+c.idle)
		next.begin()
		next.follow(&last.pace)
		before := next.time
		next.work(slice)
		if rested := next.time.Sub(before) - slice; rested != c.want {
			t.Errorf("after %v and %v it rests %v, want %v", c.tail, c.idle, rested, c.want)
		}
	}
}

func TestALookEndsWhateverElseUsesTheProcessor(t *testing.T) {
	p := newPaced()
	for range 10_000 {
		p.work(3 * time.Millisecond)
	}
	if took := p.time.Sub(time.Unix(0, 0)); took > 30*time.Second+maxRest {
		t.Errorf("30 s of work took %v", took)
	}
}

func TestWhatOthersUseWhileItRestsIsRestedForBeforeItGoesOn(t *testing.T) {
	p := newPaced()
	sleep, others := p.sleep, 100*time.Millisecond
	p.sleep = func(d time.Duration) {
		p.cpu += others
		others = 0
		sleep(d)
	}
	begun := p.time
	p.work(slice)
	if took, want := p.time.Sub(begun), 100*time.Millisecond*share; took < want {
		t.Errorf("it went on after %v, want %v and more", took, want)
	}
}
