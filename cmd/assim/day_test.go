package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/api"
	"assim/graph"
	"assim/graph/embedded"
)

const (
	daySeed    = 2026
	daySystems = 12
	dayChanges = 200
	dayMoments = 50 // at which the graph is looked at, and again later
)

// dayStart is when the day begins; changes come every seven minutes.
var dayStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// day is a day of an installation, told to a store and remembered here.
type day struct {
	r     *rand.Rand
	said  map[string]graph.Change // by source, what it says now
	past  map[string][]wasThen    // by element
	keys  map[string]graph.Key    // of nodes, by element
	rels  map[string]graph.RelKey
	hosts []host
}

// wasThen is an element from a time on.
type wasThen struct {
	at     time.Time
	props  graph.Props // nil: there is none
	labels []string
}

// host is a system of that day as it is to be told.
type host struct {
	gone, docker bool
	os, mtu      int
	addrs        []int // the last number of the address of each interface; 0: no such interface
	target       string
}

func newDay() *day {
	d := &day{r: rand.New(rand.NewPCG(daySeed, 1)), said: map[string]graph.Change{}, past: map[string][]wasThen{}, keys: map[string]graph.Key{}, rels: map[string]graph.RelKey{}}
	for range daySystems {
		d.hosts = append(d.hosts, host{os: 1, mtu: 1500, addrs: []int{1, 0, 0}, target: "/srv"})
	}
	return d
}

func systemOf(i int) string { return fmt.Sprintf("n-%02d", i) }

// changes are what the sources of a system say.
func (d *day) changes(i int, at time.Time) []graph.Change {
	h, id := d.hosts[i], systemOf(i)
	os, net, mounts := graph.Change{Source: id + "/os", At: at}, graph.Change{Source: id + "/netconfig", At: at}, graph.Change{Source: id + "/mounts", At: at}
	if h.gone {
		return []graph.Change{os, net, mounts}
	}
	system := graph.Node{Key: graph.Key{Label: graph.System, ID: id}, Props: graph.P("id", id, "name", "host"+id[2:], "os_version", h.os, "search", []any{"a.example", id})}
	if h.docker {
		system.Labels = []string{"Docker"}
	}
	os.Nodes = []graph.Node{system}
	subnet := graph.Key{Label: graph.Subnet, ID: "10.0.0.0/8"}
	for n, a := range h.addrs {
		if a == 0 {
			continue
		}
		nic := graph.Key{Label: graph.NIC, ID: fmt.Sprintf("%s/eth%d", id, n)}
		addr := graph.Key{Label: graph.IPAddr, ID: fmt.Sprintf("10.%d.%d.%d", i, n, a)}
		net.Nodes = append(net.Nodes, graph.Node{Key: nic, Props: graph.P("id", nic.ID, "mtu", h.mtu, "up", true)},
			graph.Node{Key: addr, Props: graph.P("id", addr.ID, "addr", addr.ID)}, graph.Node{Key: subnet, Props: graph.P("id", subnet.ID, "load", 0.5)})
		net.Rels = append(net.Rels, graph.Rel{From: system.Key, Type: graph.HasNIC, To: nic}, graph.Rel{From: nic, Type: graph.HasIP, To: addr}, graph.Rel{From: addr, Type: graph.InSubnet, To: subnet})
	}
	if h.target != "" {
		fs := graph.Key{Label: graph.FileSystem, ID: id + "/sda1"}
		mounts.Nodes = []graph.Node{{Key: fs, Props: graph.P("id", fs.ID, "fstype", "ext4")}}
		mounts.Rels = []graph.Rel{{From: system.Key, Type: graph.Mounts, To: fs, Props: graph.P("target", h.target, "read_only", h.target == "/mnt")}}
	}
	return []graph.Change{os, net, mounts}
}

// happen changes one thing about one system, and says which.
func (d *day) happen(n int) int {
	i := d.r.IntN(daySystems)
	h := &d.hosts[i]
	if h.gone {
		h.gone = false
		return i
	}
	switch d.r.IntN(8) {
	case 0, 1:
		h.os++
	case 2:
		h.mtu = 10500 - h.mtu // 1500 or 9000
	case 3, 4:
		nic := d.r.IntN(len(h.addrs)-1) + 1 // eth0 stays, so that the network does
		if h.addrs[nic] != 0 {
			h.addrs[nic] = 0
		} else {
			h.addrs[nic] = n + 1
		}
	case 5:
		h.addrs[0] = n + 2
	case 6:
		targets := []string{"/srv", "/mnt", ""}
		h.target = targets[(slices.Index(targets, h.target)+1+d.r.IntN(2))%3]
	case 7:
		if h.docker = !h.docker; i > 0 && d.r.IntN(3) == 0 {
			h.gone = true
		}
	}
	return i
}

// elements are all nodes and relationships that the sources say together.
func (d *day) elements() map[string]wasThen {
	out := map[string]wasThen{}
	for _, c := range d.said {
		for _, n := range c.Nodes {
			d.keys[n.Key.String()] = n.Key
			out[n.Key.String()] = wasThen{props: n.Props, labels: n.Labels}
		}
		for _, r := range c.Rels {
			key := r.From.String() + " " + r.Type + " " + r.To.String()
			d.rels[key] = graph.RelKey{From: r.From, Type: r.Type, To: r.To}
			out[key] = wasThen{props: maps.Clone(r.Props)}
			if r.Props == nil {
				out[key] = wasThen{props: graph.Props{}}
			}
		}
	}
	return out
}

// tell makes what the sources of a system say known to a store and to the day.
func (d *day) tell(t *testing.T, store graph.Store, at time.Time, i int) {
	t.Helper()
	changes := d.changes(i, at)
	if _, err := store.Apply(t.Context(), changes...); err != nil {
		t.Fatal(err)
	}
	before := d.elements()
	for _, c := range changes {
		d.said[c.Source] = c
	}
	after := d.elements()
	for key, v := range after {
		if old, ok := before[key]; !ok || !old.props.Same(v.props) || !slices.Equal(old.labels, v.labels) {
			v.at = at
			d.past[key] = append(d.past[key], v)
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			d.past[key] = append(d.past[key], wasThen{at: at})
		}
	}
}

// when returns an element as it was.
func (d *day) when(key string, at time.Time) (v wasThen) {
	for _, one := range d.past[key] {
		if !one.at.After(at) {
			v = one
		}
	}
	return v
}

// owner is the system that an element is about: every address has the number
// of its system in it.
func owner(k graph.Key) string {
	var i int
	if _, err := fmt.Sscanf(k.ID, "10.%d.", &i); err == nil && k.Label == graph.IPAddr {
		return systemOf(i)
	}
	id, _, _ := strings.Cut(k.ID, "/")
	return id
}

// differs is what assim diff is to say.
func (d *day) differs(from, to time.Time, only string) api.Diff {
	out := api.Diff{From: from, To: to, Systems: []api.SystemDiff{}}
	groups := map[string]map[string][]api.Delta{}
	for key := range d.past {
		was, is := d.when(key, from), d.when(key, to)
		delta := api.Delta{At: is.at, Fields: fields(was, is)}
		node, isNode := d.keys[key]
		rel := d.rels[key]
		who, typ := owner(node), node.Label
		if delta.Key = key; !isNode {
			who, typ = owner(rel.From), rel.Type
			delta.Key, delta.From, delta.To = "", rel.From.String(), rel.To.String()
		}
		if only != "" && who != only {
			continue
		}
		switch {
		case was.props == nil && is.props == nil, was.props != nil && is.props != nil && len(delta.Fields) == 0:
			continue
		case was.props == nil:
			delta.Kind = "added"
			out.Added++
		case is.props == nil:
			delta.Kind = "removed"
			out.Removed++
		default:
			delta.Kind = "changed"
			out.Changed++
		}
		if groups[who] == nil {
			groups[who] = map[string][]api.Delta{}
		}
		groups[who][typ] = append(groups[who][typ], delta)
	}
	for _, who := range slices.Sorted(maps.Keys(groups)) { // as their names are
		g := api.SystemDiff{System: who, Name: "host" + who[2:]}
		for _, typ := range slices.Sorted(maps.Keys(groups[who])) {
			items := groups[who][typ]
			slices.SortFunc(items, func(a, b api.Delta) int {
				return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
			})
			g.Types = append(g.Types, api.TypeDiff{Type: typ, Items: items})
		}
		out.Systems = append(out.Systems, g)
	}
	return out
}

// list is the labels as JSON has them: null where there is no node.
func (v wasThen) list() any {
	if v.props == nil {
		return nil
	}
	return append([]string{}, v.labels...)
}

func fields(was, is wasThen) []api.Field {
	out := []api.Field{}
	if !slices.Equal(was.labels, is.labels) {
		out = append(out, api.Field{Name: "labels", Old: was.list(), New: is.list()})
	}
	names := maps.Clone(was.props)
	if names == nil {
		names = graph.Props{}
	}
	maps.Copy(names, is.props)
	for name := range names {
		old, had := was.props[name]
		now, has := is.props[name]
		if had != has || !(graph.Props{name: old}).Same(graph.Props{name: now}) {
			out = append(out, api.Field{Name: name, Old: old, New: now})
		}
	}
	slices.SortFunc(out, func(a, b api.Field) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// whole asks for all there is, and since when it is and is so.
const whole = `MATCH (n) RETURN n.id AS a, labels(n) AS b, properties(n) AS c, null AS d, first_seen(n) AS e, last_changed(n) AS f
UNION ALL MATCH (n)-[r]->(m) RETURN n.id AS a, type(r) AS b, properties(r) AS c, m.id AS d, first_seen(r) AS e, last_changed(r) AS f`

// aDay lets a day pass in an empty store and asks of it by the commands; of the
// changes one by one and the moments, every so many'th.
func aDay(t *testing.T, store graph.Store, every int) {
	socket, d := serve(t, store), newDay()
	ask := func(args ...string) string {
		t.Helper()
		code, out, errs := offline(append(args, "-cma", socket)...)
		if code != exitOK {
			t.Fatalf("%q: exit %d, %s", args, code, errs)
		}
		return out
	}
	rows := func(args ...string) string {
		t.Helper()
		lines := strings.Split(ask(append([]string{"query", whole, "-csv"}, args...)...), "\n")
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	for i := range daySystems {
		d.tell(t, store, dayStart, i)
	}
	at := func(n int) time.Time { return dayStart.Add(time.Duration(n) * 7 * time.Minute) }
	looked := map[int]string{}
	for _, n := range d.r.Perm(dayChanges)[:dayMoments/every] {
		looked[n+1] = ""
	}
	for n := 1; n <= dayChanges; n++ {
		d.tell(t, store, at(n), d.happen(n))
		if _, ok := looked[n]; ok {
			looked[n] = rows()
		}
	}
	for n, then := range looked {
		moment := at(n).Add(time.Duration(d.r.Int64N(int64(7 * time.Minute))))
		if got := rows("-at", moment.Format(time.RFC3339Nano)); got != then {
			t.Errorf("after change %d it was\n%s\nand is remembered as\n%s", n, then, got)
		}
	}
	same := func(from, to time.Time, who string) int {
		t.Helper()
		args := []string{"diff", "-from", from.Format(time.RFC3339Nano), "-to", to.Format(time.RFC3339Nano), "-json"}
		if who != "" {
			args = append(args, who)
		}
		var got, want any
		wanted := d.differs(from, to, who)
		text, err := json.Marshal(wanted)
		if err != nil || json.Unmarshal(text, &want) != nil || json.Unmarshal([]byte(ask(args...)), &got) != nil {
			t.Fatal("no JSON", err)
		}
		a, errA := json.Marshal(got)
		b, errB := json.Marshal(want)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%q says\n%s\nand it was\n%s", args, a, b)
		}
		return wanted.Added + wanted.Removed + wanted.Changed
	}
	for n := 1; n <= dayChanges; n += every {
		if same(at(n-1), at(n), "") == 0 {
			t.Errorf("change %d changes nothing: this test could not fail", n)
		}
	}
	same(dayStart, at(dayChanges), "")
	for range 20 / every {
		a, b := d.r.IntN(dayChanges), d.r.IntN(dayChanges)
		same(at(min(a, b)), at(max(a, b)+1), "")
		same(at(min(a, b)), at(max(a, b)+1), systemOf(0)) // which is always there
	}
}

func TestADayOfChangesComesBackExactly(t *testing.T) {
	store, err := embedded.Open(t.TempDir()+"/graph.db", embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	aDay(t, store, 1)
}
