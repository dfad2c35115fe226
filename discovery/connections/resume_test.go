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

// told is what a nanoprobe tells.
func told(t *testing.T, m *memory) (doc []byte, hash string) {
	t.Helper()
	doc, hash, err := discovery.Canonical(m.document())
	if err != nil {
		t.Fatal(err)
	}
	return doc, hash
}

func TestAPairIsKnownAfterARestartAndAfterABootAndThatIsNoNews(t *testing.T) {
	before := newMemory()
	var many []string
	for i := range maxPublic + 10 {
		many = append(many, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 25).String())
	}
	before.add(at(30, "mail/root", 6, many...))
	before.add(at(30, "app/root", 5, "10.0.0.7:5432"))
	before.add(at(40, "app/root", 5, "10.0.0.8:80"))
	before.forwards[Forward{
		proc.Endpoint{Proto: "tcp", Addr: netip.MustParseAddr("10.0.0.1"), Port: 80, Scope: proc.Global},
		proc.Endpoint{Proto: "tcp", Addr: netip.MustParseAddr("10.0.1.7"), Port: 8080, Scope: proc.Global}}] = 40 * 60 * 60 * 100
	doc, hash := told(t, before)
	for what, start := range map[string]float64{"a restart of the nanoprobe": 41, "a boot": 0.01} {
		m := newMemory()
		m.add(at(start, "app/root", 7, "10.0.0.8:80")) // seen before the CMA answered
		m.resume(doc, uint64(start*60*60*100))
		m.add(at(start, "app/root", 7, "10.0.0.8:80"))
		if again, is := told(t, m); is != hash {
			t.Errorf("after %s: %s, want %s", what, again, doc)
		}
		m.add(at(start+1, "mail/root", 6, many[:3]...))
		if again, is := told(t, m); is != hash {
			t.Errorf("an hour after %s: %s, want %s", what, again, doc)
		}
		m.add(at(start+24.1, "app/root", 7, "10.0.0.8:80"))
		if got := pairs(m); !slices.Equal(got[:1], []string{"app/root -> 10.0.0.8:80"}) || len(got) != 4 || m.document().Crowds != nil {
			t.Errorf("a day after %s: %q", what, got)
		}
	}
}

// recalling is a host that knows what was said last.
type recalling struct {
	discovery.Host
	doc []byte
}

func (r recalling) Recalled(string) []byte { return r.doc }

func TestACollectorGoesOnWhenItKnowsWhatWasSaidAndBeginsAnewWhereThatIsDamaged(t *testing.T) {
	host := discoverytest.NewHost(fstest.MapFS{"proc/uptime": {Data: []byte("100.00 1.00\n")}}, discoverytest.Host{})
	whole := newMemory()
	whole.add(at(1, "app/root", 5, "10.0.0.7:5432"))
	good, _ := told(t, whole)
	collect := collector()
	for _, step := range []struct {
		doc  string
		want int
	}{{"", 0}, {string(good), 1}, {"", 1}} {
		var doc []byte
		if step.doc != "" {
			doc = []byte(step.doc)
		}
		got, err := collect(t.Context(), recalling{host, doc})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(got.(*Payload).Connections); n != step.want {
			t.Errorf("%d pairs, want %d", n, step.want)
		}
	}
	for _, doc := range []string{"null", "{", `{"connections":[{"process":"x/y","proto":"tcp","addr":"10.0.0.1","port":1}]}`} {
		if _, err := collector()(context.Background(), recalling{host, []byte(doc)}); err != nil && !errors.Is(err, discovery.ErrNotHere) {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

func FuzzResume(f *testing.F) {
	m := newMemory()
	m.add(at(1, "app/root", 5, "10.0.0.7:5432"))
	doc, _, err := discovery.Canonical(m.document())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Fuzz(func(_ *testing.T, doc []byte) {
		m := newMemory()
		m.resume(doc, 100)
		m.document()
	})
}
