package connections

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"assim/discovery/discoverytest"
	"assim/discovery/proc"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

// at is a snapshot at some hour of uptime, in which the given process has the
// given peers.
func at(hour float64, process string, pid int, peers ...string) *proc.Snapshot {
	s := &proc.Snapshot{Uptime: uint64(hour * 60 * 60 * 100)}
	p := &proc.Process{ID: process, Name: "app"}
	for _, peer := range peers {
		a := netip.MustParseAddrPort(peer)
		s.Peers = append(s.Peers, proc.Peer{Process: p, PID: pid, Start: 7, Endpoint: proc.Endpoint{Proto: "tcp", Addr: a.Addr(), Port: a.Port(), Scope: proc.Global}})
	}
	return s
}

func pairs(m *memory) []string {
	var list []string
	for _, c := range m.document().Connections {
		list = append(list, fmt.Sprintf("%s -> %s:%d", c.Process, c.Addr, c.Port))
	}
	return list
}

func TestAPairLeavesOnlyAfterADayUnseen(t *testing.T) {
	m := newMemory()
	for _, step := range []struct {
		hour  float64
		peers []string
		want  int
	}{
		{1, []string{"10.0.0.7:5432"}, 1},
		{2, nil, 1},
		{24.9, []string{"10.0.0.8:80"}, 2},
		{25.1, nil, 1},
		{48, []string{"10.0.0.8:80"}, 1},
		{71, nil, 1},
		{72.1, nil, 0},
	} {
		m.add(at(step.hour, "app/root", 5, step.peers...))
		if got := pairs(m); len(got) != step.want {
			t.Errorf("at hour %v: %v, want %d", step.hour, got, step.want)
		}
	}
}

func TestAProcessThatChangesItsIdentityTakesItsPairsAlong(t *testing.T) {
	m := newMemory()
	m.add(at(1, "app/root~1234abcd", 5, "10.0.0.7:5432", "10.0.0.8:80"))
	m.add(at(1.1, "app/root:tcp80", 5, "10.0.0.7:5432"))
	if got := pairs(m); !slices.Equal(got, []string{"app/root:tcp80 -> 10.0.0.8:80", "app/root:tcp80 -> 10.0.0.7:5432"}) {
		t.Errorf("got %q", got)
	}
}

func TestACrawlerDoesNotFillTheGraph(t *testing.T) {
	m := newMemory()
	var many []string
	for i := range 3000 {
		many = append(many, fmt.Sprintf("10.1.%d.%d:80", i/250, i%250+1))
	}
	m.add(at(1, "crawler/root", 5, many...))
	m.add(at(1.1, "app/root", 6, "10.0.0.7:5432"))
	doc := m.document()
	if len(doc.Connections) != maxPairsPerProcess+1 || !doc.Truncated {
		t.Errorf("%d pairs, truncated %v; want %d of the crawler and one of app", len(doc.Connections), doc.Truncated, maxPairsPerProcess)
	}
}

func TestACrowdOnTheInternetIsToldAsOne(t *testing.T) {
	m := newMemory()
	call := func(hour float64, from, to int) *Payload {
		peers := []string{"10.0.0.7:25"}
		for i := from; i < to; i++ {
			peers = append(peers, fmt.Sprintf("198.51.%d.%d:25", i/250, i%250+1))
		}
		m.add(at(hour, "master/postfix.service", 5, peers...))
		return m.document()
	}
	if doc := call(1, 0, maxPublic); len(doc.Connections) != maxPublic+1 || doc.Crowds != nil {
		t.Errorf("%d pairs, crowds %v", len(doc.Connections), doc.Crowds)
	}
	first := call(2, maxPublic, maxPublic+10)
	if len(first.Connections) != 1 || !slices.Equal(first.Crowds, []string{"master/postfix.service"}) || len(first.Processes) != 1 {
		t.Errorf("a crowd: %+v", first)
	}
	if again := call(3, maxPublic+10, maxPublic+500); !reflect.DeepEqual(again, first) {
		t.Errorf("more of a crowd is news: %+v", again)
	}
	if calm := call(30, 0, 3); len(calm.Connections) != 4 || calm.Crowds != nil {
		t.Errorf("after a calm day: %+v", calm)
	}
}

func TestAClientOfAMomentIsToldAsItWasWhenItCameFirst(t *testing.T) {
	m := newMemory()
	run := func(hour float64, started uint64, ended bool, argument string) string {
		s := at(hour, "backup/cron.service", int(started), "10.0.0.7:873")
		s.Peers[0].Process.Args = []string{"backup", argument}
		s.Peers[0].Start, s.Peers[0].Ended = started, ended
		m.add(s)
		return m.document().Processes[0].Args[1]
	}
	const hour = 60 * 60 * 100
	for _, step := range []struct {
		hour     float64
		started  uint64
		ended    bool
		argument string
		want     string
	}{
		{1, 1*hour - 10, true, "monday", "monday"},
		{2, 2*hour - 10, true, "tuesday", "monday"},
		{3, 3*hour - 10, false, "wednesday", "monday"}, // met while it runs
		{4, 3*hour - 10, false, "wednesday", "wednesday"},
		{5, 5*hour - 10, true, "thursday", "wednesday"},
	} {
		if got := run(step.hour, step.started, step.ended, step.argument); got != step.want {
			t.Errorf("at hour %v it is told with %s, want %s", step.hour, got, step.want)
		}
	}
}
