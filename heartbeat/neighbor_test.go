package heartbeat

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"assim/wire"
)

// story plays one neighbor through a script, one letter per half second:
//
//	h  a heartbeat that proves life     u  one that proves nothing
//	.  silence                          x  its host says that nobody listens
//	g  it says goodbye                  R  it begins a new session
//
// and writes down what changed when, in seconds: "2.5:late 3:alive". Every ping
// due in between is sent and not answered. The owner accuses as soon as it may.
func story(script string) string {
	const step = 500 * time.Millisecond
	t := wire.DefaultTiming
	me := Self{Session: 7}
	var n Neighbor
	now := time.Duration(0)
	n.Watch(now)
	var out []string
	last := n.State()
	say := func() {
		if s := n.State(); s != last {
			last = s
			out = append(out, fmt.Sprintf("%.3g:%v", now.Seconds(), s))
		}
	}
	session, seq := wire.Session(1), uint32(0)
	for i, what := range script {
		end := time.Duration(i+1) * step
		for {
			if n.Ripe(now, &t) {
				n.Conclude(now, Unresponsive, &me, &t)
			} else if n.Overdue(now, &t) {
				n.Conclude(now, Dead, &me, &t)
			}
			say()
			if n.Tick(now, &t) {
				n.Pinged(now, me.Next(), &t)
			}
			say()
			if n.Deadline(&t) >= end {
				break
			}
			now = max(n.Deadline(&t), now+time.Millisecond)
		}
		now = end
		seq++
		tick := wire.Tick{Kind: wire.Heartbeat, Session: session, Seq: seq, EchoSession: 7, EchoSeq: me.Next()}
		switch what {
		case 'h', 'g':
			n.Heard(now, &me, &tick)
			if what == 'g' {
				n.Conclude(now, Gone, &me, &t)
			}
		case 'u':
			tick.EchoSession = 6
			n.Heard(now, &me, &tick)
		case 'x':
			if n.Refused(now) {
				n.Conclude(now, Stopped, &me, &t)
			}
		case 'R':
			session, seq = session+1, 0
		}
		say()
	}
	return strings.Join(out, " ")
}

func TestStories(t *testing.T) {
	for _, c := range []struct{ why, script, want string }{
		{"all is well", ".h.h.h.h.h", "1:alive"},
		{"one heartbeat lost", ".h.h...h.h", "1:alive 3.5:late 4:alive"},
		{"two lost", ".h......h", "1:alive 2.5:late 3:unresponsive 4.5:alive"},
		{"dead", ".h...............", "1:alive 2.5:late 3:unresponsive 8:dead"},
		{"back from the dead", ".h................h.h", "1:alive 2.5:late 3:unresponsive 8:dead 9.5:alive"},
		{"never heard: late accusation", "................", "7:unresponsive 7.2:dead"},
		{"never heard, then heard", "......h.h", "3.5:alive"},
		{"unproven ticks are no life", ".huuuuuu", "1:alive 2.5:late 3:unresponsive"},
		{"goodbye", ".h.g......", "1:alive 2:shut down"},
		{"goodbye, and back", ".h.g...R.h", "1:alive 2:shut down 5:alive"},
		{"its process stopped", ".hxxx", "1:alive 1.5:late 2.5:stopped"},
		{"two hints are not enough", ".hxxh.h", "1:alive 1.5:late 2.5:alive"},
		{"stopped, then started", ".hxxx....R.h", "1:alive 1.5:late 2.5:stopped 6:alive"},
	} {
		if got := story(c.script); got != c.want {
			t.Errorf("%s: %q\n got %s\nwant %s", c.why, c.script, got, c.want)
		}
	}
}

func TestRecordingsProveNothing(t *testing.T) {
	me := Self{Session: 7}
	var n Neighbor
	n.Watch(0)
	tick := wire.Tick{Kind: wire.Heartbeat, Session: 1, Seq: 10, EchoSession: 7, EchoSeq: me.Next()}
	if got := n.Heard(1, &me, &tick); got != Back {
		t.Fatalf("the first proof is %v", got)
	}
	if got := n.Heard(2, &me, &tick); got != Ignored {
		t.Errorf("the same tick again is %v", got)
	}
	old := tick
	old.Seq = 9
	if got := n.Heard(3, &me, &old); got != Proof {
		t.Errorf("one that was overtaken is %v", got)
	}
	if got := n.Heard(3, &me, &old); got != Ignored {
		t.Errorf("the overtaken one again is %v", got)
	}
	tick.Seq = 200
	n.Heard(4, &me, &tick)
	old.Seq = 136
	if got := n.Heard(5, &me, &old); got != Ignored {
		t.Errorf("one from before the window is %v", got)
	}
	tick.Session, tick.Seq = 2, 1
	if got := n.Heard(6, &me, &tick); got != Proof {
		t.Errorf("a new session is %v", got)
	}
	tick.Session, tick.Seq = 1, 900
	if got := n.Heard(7, &me, &tick); got != Ignored {
		t.Errorf("a session that is over is %v", got)
	}
}

func TestOnlyFreshEchoesProveLife(t *testing.T) {
	me := Self{Session: 7}
	now := time.Duration(0)
	proves := func(session wire.Session, seq uint32) bool {
		return me.Proves(&wire.Tick{EchoSession: session, EchoSeq: seq})
	}
	if proves(7, 0) {
		t.Error("an echo of nothing proves life")
	}
	first := me.Next()
	for range 40 {
		now += time.Second
		me.Age(now, time.Second)
		me.Next()
		if now <= echoIntervals/2*time.Second && !proves(7, first) {
			t.Errorf("an echo %v old proves nothing", now)
		}
		if now > (echoIntervals+1)*time.Second && proves(7, first) {
			t.Errorf("an echo %v old proves life", now)
		}
	}
	newest := me.Next()
	if !proves(7, newest) || proves(7, newest+1) || proves(6, newest) || proves(8, newest) {
		t.Error("echoes of the future or of another session prove life")
	}
	me.seq, me.floor = 5, 1<<32-5 // wrapped
	if !proves(7, 1<<32-1) || !proves(7, 0) || !proves(7, 5) || proves(7, 6) || proves(7, 1<<32-5) {
		t.Error("sequence numbers do not wrap")
	}
}

func TestLatenessIsNobodysSilence(t *testing.T) {
	timing := wire.DefaultTiming
	var n Neighbor
	n.Adopt(0)
	n.Doubt(5*time.Second, 6*time.Second)
	if n.Tick(6*time.Second, &timing) {
		t.Error("a starved owner finds its neighbor late")
	}
	n.Doubt(time.Hour, 7*time.Second)
	if n.Silent(7*time.Second) < 0 {
		t.Error("it was heard in the future")
	}
}

func TestNeighborSaysHowPatientToBeWithIt(t *testing.T) {
	timing := wire.DefaultTiming
	me := Self{Session: 7}
	var n Neighbor
	n.Watch(0)
	quiet := wire.Tick{Kind: wire.Heartbeat, Session: 1, Seq: 1, EchoSession: 7, EchoSeq: me.Next(), Every: 500}
	n.Heard(0, &me, &quiet)
	if n.Tick(7*time.Second, &timing) || !n.Tick(7600*time.Millisecond, &timing) {
		t.Error("a neighbor that says 5 s is late after 7.5 s and not before")
	}
}

func TestJitterStaysWithinATenth(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	sum := time.Duration(0)
	for range 10000 {
		d := Jitter(time.Second, r)
		if d < 900*time.Millisecond || d > 1100*time.Millisecond {
			t.Fatalf("%v", d)
		}
		sum += d
	}
	if mean := sum / 10000; mean < 990*time.Millisecond || mean > 1010*time.Millisecond {
		t.Errorf("the mean is %v", mean)
	}
	if Jitter(0, r) != 0 {
		t.Error("no interval has jitter")
	}
}

func FuzzNeighborNeverPanicsAndLivesByProofOnly(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03hhh...xxx"))
	f.Fuzz(func(t *testing.T, script []byte) {
		timing := wire.DefaultTiming
		me := Self{Session: 7}
		var n Neighbor
		n.Watch(0)
		now := time.Duration(0)
		for i := 0; i+2 < len(script); i += 3 {
			now += time.Duration(script[i+1]) * 20 * time.Millisecond
			tick := wire.Tick{
				Kind: wire.TickKind(script[i] % 8), Session: wire.Session(script[i] >> 5), Seq: uint32(script[i+2]),
				EchoSession: wire.Session(6 + script[i]>>4&1), EchoSeq: uint32(script[i+1]),
			}
			before := n.Silent(now)
			proof := me.Proves(&tick)
			switch script[i] % 4 {
			case 0:
				n.Heard(now, &me, &tick)
				if n.Silent(now) < before && !proof {
					t.Fatal("it lives without proof")
				}
			case 1:
				if n.Tick(now, &timing) {
					n.Pinged(now, me.Next(), &timing)
				}
			case 2:
				if n.Refused(now) {
					n.Conclude(now, Stopped, &me, &timing)
				}
			case 3:
				if n.Ripe(now, &timing) && n.Pings() < AccusePings {
					t.Fatal("ripe without enough pings")
				}
				n.Doubt(time.Duration(script[i+1])*time.Millisecond, now)
			}
			if n.Silent(now) < 0 {
				t.Fatal("heard in the future")
			}
		}
	})
}
