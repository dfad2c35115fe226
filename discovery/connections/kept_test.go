package connections

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/discovery/proc"
)

func TestAPairIsKnownAfterARestartAndAfterABoot(t *testing.T) {
	before := newMemory()
	before.add(at(30, "app/root", 5, "10.0.0.7:5432"))
	before.add(at(40, "app/root", 5, "10.0.0.8:80"))
	before.forwards[Forward{
		proc.Endpoint{Proto: "tcp", Addr: netip.MustParseAddr("10.0.0.1"), Port: 80, Scope: proc.Global},
		proc.Endpoint{Proto: "tcp", Addr: netip.MustParseAddr("10.0.1.7"), Port: 8080, Scope: proc.Global}}] = 40 * 60 * 60 * 100
	data, err := before.save(41 * 60 * 60 * 100)
	if err != nil {
		t.Fatal(err)
	}
	for what, start := range map[string]float64{"a restart of the nanoprobe": 41, "a boot": 0.01} {
		m := newMemory()
		if err := m.load(data, uint64(start*60*60*100)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		m.add(at(start, "app/root", 5))
		if got := pairs(m); !slices.Equal(got, pairs(before)) || len(m.document().Forwards) != 1 {
			t.Errorf("after %s: %q, want %q", what, got, pairs(before))
		}
		// One of them was unseen for 11 hours when it was kept.
		m.add(at(start+13.5, "app/root", 5))
		if got := pairs(m); !slices.Equal(got, []string{"app/root -> 10.0.0.8:80"}) {
			t.Errorf("13.5 hours after %s: %q", what, got)
		}
	}
}

// shelf is a host that keeps.
type shelf struct {
	discovery.Host
	data  map[string][]byte
	times *int
}

func (s shelf) Keep(name string, data []byte) error {
	*s.times++
	s.data[name] = data
	return nil
}
func (s shelf) Kept(name string) []byte { return s.data[name] }

func TestTheMemoryIsKeptWhenPairsComeOrGoAndOnceAnHour(t *testing.T) {
	times := 0
	s := shelf{nil, map[string][]byte{}, &times}
	m := newMemory()
	for i, step := range []struct {
		hour  float64
		peers []string
		want  int
	}{
		{1, []string{"10.0.0.7:5432"}, 1},
		{1.1, []string{"10.0.0.7:5432"}, 1},
		{1.2, []string{"10.0.0.8:80"}, 2},
		{1.3, nil, 2},
		{2.3, nil, 3},
	} {
		snap := at(step.hour, "app/root", 5, step.peers...)
		m.add(snap)
		m.keep(s, snap.Uptime)
		if times != step.want {
			t.Errorf("step %d: kept %d times, want %d", i, times, step.want)
		}
	}
}

func TestACollectorBeginsAnewWhereWhatWasKeptIsDamaged(t *testing.T) {
	host := discoverytest.NewHost(fstest.MapFS{"proc/uptime": {Data: []byte("100.00 1.00\n")}}, discoverytest.Host{})
	for _, data := range []string{"", "null", "{", `{"pairs":[{"process":"x/y","proto":"tcp","addr":"10.0.0.1","port":1}]}`} {
		times := 0
		if _, err := collector()(context.Background(), shelf{host, map[string][]byte{"connections": []byte(data)}, &times}); err != nil && !errors.Is(err, discovery.ErrNotHere) {
			t.Errorf("%q: %v", data, err)
		}
	}
}

func FuzzKept(f *testing.F) {
	m := newMemory()
	m.add(at(1, "app/root", 5, "10.0.0.7:5432"))
	data, err := m.save(1000)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(_ *testing.T, data []byte) {
		m := newMemory()
		if m.load(data, 100) == nil {
			m.document()
		}
	})
}
