package verdict

import (
	"slices"
	"testing"
	"time"

	"assim/wire"
)

const twoRacks = `
	net1 sw1 a b c d
	net1 sw2 e f g h`

// Every story is one row of the table in the package comment, or a way in
// which that row could go wrong.
var stories = []struct{ name, town, script, news string }{
	{"a silent system is unresponsive when both witnesses agree and dead after its time", twoRacks, `
	2.0 a loses b
	2.2 c loses b
	9 until`, `
	2.2 unresponsive b by a c
	7.2 system dead b by a c`},
	{"alive again ends a death", twoRacks, `
	2.0 a loses b
	2.2 c loses b
	20 b restarts
	30 until`, `
	2.2 unresponsive b by a c
	7.2 system dead b by a c
	20.0 alive again b`},
	{"an unresponsive system that recovers in time is no incident", twoRacks, `
	2.0 a loses b
	2.2 c loses b
	4.0 a takesback b
	4.1 c takesback b
	20 until`, `
	2.2 unresponsive b by a c
	4.1 alive again b`},
	{"a lone accusation is believed only after the CMA's ping fails, too", twoRacks, `
	2.0 a loses b
	9 until`, `
	3.1 unresponsive b by a
	7.0 system dead b by a`},
	{"who does not know its neighbors yet is asked before it is a death", twoRacks, `
	0 answering b
	0 b unruled
	2.0 a loses b
	2.2 c loses b
	30 until`, `
	2.2 unresponsive b by a c
	6.6 alive again b`},
	{"who is called dead before it knew its neighbors is asked on, since nobody else would find it alive", twoRacks, `
	0 b unruled
	2.0 a loses b
	2.2 c loses b
	15 answering b
	60 until`, `
	2.2 unresponsive b by a c
	7.2 system dead b by a c
	20.6 alive again b`},
	{"a single accuser who stands by a refuted accusation is flagged", twoRacks, `
	0 answering b
	2.0 a loses b
	9 until`, `
	4.5 report refuted a
	5.9 path broken between a and b by a of a b`},
	{"who has not got its order yet is not called one whose path is broken", twoRacks, `
	0 answering b
	0 b unruled
	2.0 a loses b
	6.0 b runs
	6.2 a takesback b
	20 until`, ``},
	{"who never gets its order cannot hide a broken path for long", twoRacks, `
	0 answering b
	0 b unruled
	2.0 a loses b
	40 until`, `
	32.5 report refuted a
	33.9 path broken between a and b by a of a b`},
	{"a second CMA is told of once, and its systems' silence to ours is no fault", twoRacks, `
	0 e foreign
	1.0 a rival b
	1.5 c rival a
	2.0 d loses e
	2.1 f loses e
	2.2 d path e
	3.0 a loses b
	3.2 c loses b
	4.0 g refused e
	4.1 f refused e
	20 until`, `
	1.0 two cmas the CMA by a b
	3.2 unresponsive b by a c
	4.1 nanoprobe stopped e by g f
	8.2 system dead b by a c`},
	{"a second CMA that leaves no trace any more is gone, and all are judged again", twoRacks, `
	0 e foreign
	1.0 a rival b
	700 d loses e
	700.1 f loses e
	710 until`, `
	1.0 two cmas the CMA by a b
	601.0 resolved the CMA
	700.1 unresponsive e by d f
	705.1 system dead e by d f`},
	{"repeating a refuted accusation does not put the flag off", twoRacks, `
	0 answering b
	2.0 a loses b
	2.9 a loses b
	3.8 a loses b
	4.7 a loses b
	6 until`, `
	4.5 report refuted a
	5.9 path broken between a and b by a of a b`},
	{"two signs of life in a row refute as one does", twoRacks, `
	0 answering b
	2.0 a loses b
	2.6 b speaks
	2.7 b speaks
	6 until`, `
	4.5 report refuted a
	5.9 path broken between a and b by a of a b`},
	{"the word of two that are no neighbors any more is checked before it is a death", twoRacks, `
	0 answering b
	2.0 a loses b
	2.2 c loses b
	3.0 b moves
	30 until`, `
	2.2 unresponsive b by a c
	7.2 alive again b`},
	{"who found a system silent beyond its neighbor is not held to it", twoRacks, `
	0 answering c
	2.0 a alsoloses c
	9 until`, ``},
	{"an accuser who got other neighbors has nothing to take back", twoRacks, `
	0 answering b
	2.0 a loses b
	2.3 b moves
	9 until`, ``},
	{"who goes on to accuse systems that it does not watch is flagged", twoRacks, `
	0 answering b c d
	2.0 f loses b
	8.5 f loses b
	9.0 f loses c
	20.0 f loses d
	30 until`, `
	22.5 report refuted f`},
	{"three such reports in a quarter of an hour are three old rosters", twoRacks, `
	0 answering b
	2.0 f loses b
	8.5 f loses b
	700.0 f loses b
	720 until`, ``},
	{"an accuser who takes it back is not flagged", twoRacks, `
	0 answering b
	2.0 a loses b
	3.0 a takesback b
	9 until`, ``},
	{"two deaths far apart are two incidents", twoRacks, `
	2.0 a loses b
	2.1 c loses b
	2.1 e loses f
	2.2 g loses f
	9 until`, `
	2.1 unresponsive b by a c
	2.2 unresponsive f by e g
	7.1 system dead b by a c
	7.2 system dead f by e g`},
	{"port unreachable said by both: the nanoprobe stopped", twoRacks, `
	1.0 a refused b
	1.3 c refused b
	9 until`, `
	1.3 nanoprobe stopped b by a c`},
	{"port unreachable said by one and by the CMA's ping", twoRacks, `
	1.0 a refused b
	1.51 cma refused b
	9 until`, `
	1.5 nanoprobe stopped b by a`},
	{"who shut down while the CMA was away did, though the word of a goodbye comes last", twoRacks, `
	1.0 d refusedlong b
	1.6 cma refused b
	2.0 c goodbyelong b
	9 until`, `
	2.0 shut down b`},
	{"a nanoprobe that stopped while the CMA was away is told a little later", twoRacks, `
	1.0 a refusedlong b
	1.2 c refusedlong b
	9 until`, `
	2.1 nanoprobe stopped b by a c`},
	{"port unreachable said by a liar is not news", twoRacks, `
	0 answering b
	1.0 a refused b
	9 until`, ``},
	{"a system's own goodbye is information", twoRacks, `
	1.0 b stops
	1.1 a goodbye b
	3.0 c loses b
	30 until`, `
	1.0 shut down b`},
	{"what a system said before its own goodbye comes after it", twoRacks, `
	1.0 b stops
	1.1 b speaks
	2.0 a refused b
	2.1 c refused b
	9.0 b restarts
	30 until`, `
	1.0 shut down b
	9.0 alive again b`},
	{"whose goodbye only its neighbors were told lives when it speaks", twoRacks, `
	1.0 a goodbye b
	1.1 c goodbye b
	2.0 b speaks
	30 until`, `
	1.1 shut down b
	2.0 alive again b`},
	{"a witness's word of a goodbye is checked by a ping", twoRacks, `
	1.0 a goodbye b
	9 until`, `
	2.1 shut down b`},
	{"a faked goodbye is not believed", twoRacks, `
	0 answering b
	1.0 a goodbye b
	9 until`, ``},
	{"the cable of a dual-homed system", "net1 sw1 a b+sw2 c\nnet1 sw2 d e f", `
	1.0 b link eth0
	1.3 a link b 10.0.1.2
	20 b linkup eth0
	30 until`, `
	1.7 link down b eth0 by b a
	20.0 resolved b eth0`},
	{"who has lost a link misses others by it: that explains no broken path", "net1 sw1 a b+sw2 c\nnet1 sw2 d e f", `
	0 answering a c e
	1.0 b link eth0
	1.1 e path d
	1.2 b link d 10.0.1.4
	9 until`, `
	2.3 link down b eth0 by b
	3.9 path broken between e and d by e of e d`},
	{"the lost link of a system is the path that is broken", "net1 sw1 a b+sw2 c\nnet1 sw2 d e f", `
	0 answering a c e
	1.0 e path b
	1.2 b link eth0
	9 until`, `
	2.5 link down b eth0 by b`},
	{"a system whose cable is mended before it is news", twoRacks, `
	2.0 b link eth0
	2.5 b linkup eth0
	30 until`, ``},
	{"a neighbor and the CMA have no other path, another neighbor has", "net1 sw1 a b+sw2 c\nnet1 sw2 d e f", `
	0 answering a c
	2.0 a loses b
	4.0 c link b 10.0.1.2
	30 until`, `
	3.1 unresponsive b by a
	4.0 alive again b
	4.7 link down b eth0 by c`},
	{"a dual-homed system with a lost link dies", "net1 sw1 a b+sw2 c\nnet1 sw2 d e f", `
	1.0 b link eth0
	1.3 c link b 10.0.1.2
	10 a loses b
	10.3 c loses b
	30 until`, `
	1.7 link down b eth0 by b c
	11.1 unresponsive b by a c
	15.3 resolved b eth0
	15.3 system dead b by a c`},
	{"all neighbors of a dual-homed system knew it by the cable it lost", "net1 sw1 a b+sw2 c\nnet1 sw2 d e f", `
	0 answering a b c
	1.0 b link eth0
	2.0 a loses b
	2.3 c loses b
	30 until`, `
	2.3 link down b eth0 by b`},
	{"one neighbor knew it by the cable it lost, and keeps saying so", "net1 sw1 a b+sw2 c\nnet1 sw2 d e f", `
	0 answering a b c
	1.0 b link eth0
	2.0 a loses b
	30 until`, `
	2.3 link down b eth0 by b`},
	{"a path that is a lost link is no news of its own", "net1 sw1 a b+sw2 c\nnet1 sw2 d e f", `
	0 answering a c
	1.0 b link eth0
	2.0 a path b
	30 until`, `
	2.3 link down b eth0 by b`},
	{"a switch, swept by the neighbors of its deputy", twoRacks, `
	2.0 e loses a
	2.0 e sweeps b c d
	2.1 f loses a
	2.1 f sweeps b c d
	30 until`, `
	2.1 unresponsive a by e f
	2.7 switch unreachable switch sw1 by e f of a b c d`},
	{"a switch without a sweep: the CMA asks two of the rest", twoRacks, `
	2.0 e loses a
	2.1 f loses a
	30 until`, `
	2.1 unresponsive a by e f
	3.3 switch unreachable switch sw1 by e f of a b c d`},
	{"a deputy dies, its rack lives", twoRacks, `
	2.0 e loses a
	2.0 e hears b c d
	2.1 f loses a
	2.2 b loses a
	2.2 d loses a
	30 until`, `
	2.1 unresponsive a by e f
	7.2 system dead a by e f b d`},
	{"dual-homed systems behind a dead switch are not accused", "net1 sw1 a b c x+sw2\nnet1 sw2 e f g h", `
	2.0 e loses a
	2.0 e sweeps b c
	2.0 e hears x
	2.1 f loses a
	2.1 f sweeps b c
	2.2 x link eth0
	2.2 x loses a
	30 until`, `
	2.1 unresponsive a by e f
	2.7 switch unreachable switch sw1 by e f x of a b c`},
	{"a dual-homed system that fell silent with its switch and is found out later is part of it", "net1 sw1 a b c x+sw2\nnet1 sw2 e f g h", `
	2.0 e loses a
	2.0 e sweeps b c
	2.1 f loses a
	2.1 f sweeps b c
	4.0 e loses x
	4.1 g loses x
	20 a restarts
	21 b restarts
	22 c restarts
	23 x restarts
	30 until`, `
	2.1 unresponsive a by e f
	2.7 switch unreachable switch sw1 by e f of a b c
	4.1 unresponsive x by e g
	23.0 resolved switch sw1`},
	{"a dual-homed system that dies while its switch is away is a death", "net1 sw1 a b c x+sw2\nnet1 sw2 e f g h", `
	2.0 e loses a
	2.0 e sweeps b c
	2.1 f loses a
	2.1 f sweeps b c
	9.0 e loses x
	9.1 g loses x
	30 until`, `
	2.1 unresponsive a by e f
	2.7 switch unreachable switch sw1 by e f of a b c
	9.1 unresponsive x by e g
	14.1 system dead x by e g`},
	{"a switch all of whose systems live by another one", "net1 sw1 a+sw2 b+sw2 c+sw2\nnet1 sw2 e f", `
	1.0 a link eth0
	1.1 b link eth0
	1.2 c link eth0
	30 until`, `
	1.7 switch unreachable switch sw1`},
	{"a switch that lives after all, because one behind it speaks, hides no death", "net1 sw1 a b c\nnet1 sw2 e f", `
	0 answering e f
	2.0 b loses c
	2.0 e loses c
	2.1 b loses a
	2.1 f loses a
	2.2 e loses b
	2.2 f loses b
	4.0 b speaks
	4.1 e takesback b
	4.1 f takesback b
	30 until`, `
	2.0 unresponsive c by b e
	2.1 unresponsive a by b f
	2.2 unresponsive b by e f
	2.7 switch unreachable switch sw1 by b f e of a b c
	4.0 resolved switch sw1
	5.1 unresponsive a by b
	5.1 unresponsive c by b
	7.0 system dead c by b
	7.1 system dead a by b`},
	{"a switch heals: the voice of one that kept running brings all back", twoRacks, `
	2.0 e loses a
	2.0 e sweeps b c d
	2.1 f loses a
	2.1 f sweeps b c d
	20 a speaks
	30 until`, `
	2.1 unresponsive a by e f
	2.7 switch unreachable switch sw1 by e f of a b c d
	20.0 resolved switch sw1`},
	{"a rack gets its power back one by one; one never returns", twoRacks, `
	2.0 e loses a
	2.0 e sweeps b c d
	2.1 f loses a
	2.1 f sweeps b c d
	20 a restarts
	25 b restarts
	30 c restarts
	210 until`, `
	2.1 unresponsive a by e f
	2.7 switch unreachable switch sw1 by e f of a b c d
	200.0 resolved switch sw1
	200.7 system dead d`},
	{"late evidence: two deaths become a switch", "net1 sw1 a b c\nnet1 sw2 e f g", `
	2.0 e loses a
	2.1 f loses a
	2.1 e hears b c
	2.2 c loses a
	14 e loses b
	14 f loses b
	14 e sweeps c
	14 f sweeps c
	30 until`, `
	2.1 unresponsive a by e f
	7.2 system dead a by e f c
	14.0 unresponsive b by e f
	14.7 resolved a
	14.7 switch unreachable switch sw1 by e f c of a b c`},
	{"a run of neighbors on a switch is one incident", "net1 sw1 a b c d e f g h i j", `
	2.0 b loses c
	2.0 b sweeps d e f
	2.1 g loses f
	2.1 g sweeps c d e
	30 until`, `
	2.1 unresponsive f by b g
	2.1 unresponsive c by b g
	2.7 unresponsive d by b g
	2.7 unresponsive e by b g
	7.1 system dead 4 neighbors on switch sw1 by b g of c d e f`},
	{"a subnet whose every switch is silent is one partition", "net1 sw1 a b\nnet1 sw2 c d\nnet2 sw3 e f\nnet2 sw4 g h", `
	0 answering e f g h
	2.0 e loses a
	2.1 g loses a
	2.1 e sweeps b c d
	2.1 g sweeps b c d
	30 until`, `
	2.1 unresponsive a by e g
	2.7 partition subnet 10.0.1.0/24 by e g of a b c d`},
	{"what nobody reports is found by asking around", "net1 sw1 a b\nnet1 sw2 c d\nnet2 sw3 i j\nnet2 sw4 k l\nnet3 sw5 e f\nnet3 sw6 g h", `
	0 answering e f g h
	2.0 e loses k
	2.1 g loses k
	2.1 e sweeps l i j
	2.1 g sweeps l i j
	30 until`, `
	2.1 unresponsive k by e g
	3.0 partition 2 subnets around 10.0.1.0/24 by e g of a b c d i j k l`},
	{"a subnet without switches", "net1 - a b c\nnet2 - d e f", `
	0 answering d e f
	2.0 d loses a
	2.1 e loses a
	2.2 d sweeps b c
	2.2 e sweeps b c
	30 until`, `
	2.1 unresponsive a by d e
	2.7 partition subnet 10.0.1.0/24 by d e of a b c`},
	{"two switches of many are two incidents", "net1 sw1 a b\nnet1 sw2 c d\nnet1 sw3 e f\nnet1 sw4 g h", `
	0 answering e f g h
	2.0 e loses a
	2.1 g loses a
	2.1 e sweeps b c d
	2.1 g sweeps b c d
	30 until`, `
	2.1 unresponsive a by e g
	2.7 switch unreachable switch sw1 by e g of a b
	2.7 switch unreachable switch sw2 by e g of c d`},
	{"two switches, one after the other, and nobody is heard but by the only one left", "net1 sw1 a b\nnet1 sw2 c d\nnet1 sw3 e f", `
	2.0 a loses c
	2.1 a sweeps c d
	3.5 b loses e
	3.6 b sweeps e f
	30 until`, `
	2.7 switch unreachable switch sw2 by a of c d
	4.2 resolved switch sw2
	4.2 partition 2 places around switch sw3 by b of e f c d`},
	{"the CMA's own carrier", twoRacks, `
	2.0 cma link down
	20 cma link up
	30 until`, `
	2.0 cma network problem the CMA
	20.0 resolved the CMA`},
}

func TestStories(t *testing.T) {
	for _, st := range slices.Concat(stories, pathStories) {
		t.Run(st.name, func(t *testing.T) {
			play(t, build(t, st.town), Options{}, st.script).want(st.news)
		})
	}
}

func TestWhatOnlyTheCMAsOwnHostSaysIsTheCMAsOwnTrouble(t *testing.T) {
	for answering, want := range map[string]string{
		"a b c d e f": "",
		"a b c d":     "\n20.6 switch unreachable switch sw3 by cmahost of e f",
	} {
		w := build(t, "net1 sw1 cmahost a b\nnet1 sw2 c d\nnet2 sw3 e f")
		s := play(t, w, Options{Local: idOf("cmahost")}, `
	2.0 cmahost loses a
	2.0 cmahost loses b
	2.1 cmahost sweeps c d e f
	19.9 answering `+answering+`
	20 c speaks
	30 until`)
		s.want(`
	3.3 cma network problem the CMA
	20.0 resolved the CMA` + want)
	}
}

func TestWhoIsCutOffAsksWhetherItIsOver(t *testing.T) {
	w := build(t, "net1 sw1 cmahost a b\nnet1 sw2 c d\nnet2 sw3 e f")
	s := play(t, w, Options{Local: idOf("cmahost")}, `
	2.0 cmahost loses a
	2.0 cmahost loses b
	2.1 cmahost sweeps c d e f
	9 answering a b c d e f
	30 until`)
	s.want(`
	3.3 cma network problem the CMA
	11.3 resolved the CMA`)
}

func TestNewsOfOneRingLeaveStandingWhatWasFoundInAnother(t *testing.T) {
	w := build(t, "net1 sw1 a b\nnet1 sw2 c d e")
	at := time.Unix(1_800_000_000, 0)
	j := New(w, Options{})
	var out Out
	tell := func(c Claim) {
		c.At, c.Since = at, at.Add(-2*time.Second)
		j.Heard(at, c, &out)
	}
	tell(Claim{By: idOf("a"), Kind: wire.ObsUnresponsive, About: idOf("b"), Ring: 1})
	tell(Claim{By: idOf("a"), Kind: wire.ObsUnresponsive, About: idOf("c"), Ring: 3})
	for _, id := range []string{"d", "e"} {
		tell(Claim{By: idOf("a"), Kind: wire.ObsSwept, About: idOf(id), Ring: 2, Beyond: idOf("c"), Company: true})
	}
	standing := func() (n int) {
		for _, id := range []string{"b", "c", "d", "e"} {
			if s := j.suspects[idOf(id)]; s != nil && s.accused() {
				n++
			}
		}
		return n
	}
	tell(Claim{By: idOf("a"), Kind: wire.ObsAlive, About: idOf("b"), Ring: 1})
	if n := standing(); n != 3 {
		t.Errorf("%d are accused after its neighbor in another ring returned, want c, d and e", n)
	}
	tell(Claim{By: idOf("a"), Kind: wire.ObsAlive, About: idOf("c"), Ring: 3})
	if n := standing(); n != 0 {
		t.Errorf("%d are accused after the deputy returned, want none", n)
	}
}
