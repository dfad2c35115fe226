package derive

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"assim/discovery"
	"assim/discovery/connections"
	"assim/discovery/listeners"
	"assim/discovery/proc"
	"assim/discovery/vm"
	"assim/graph"
	"assim/graph/cypher"
	"assim/graph/graphtest"
)

// say applies a document of a system to a store, as a CMA does.
func say(t *testing.T, store graph.Store, typ discovery.Plugin, system string, payload any) {
	t.Helper()
	key := graph.Key{Label: graph.System, ID: system}
	doc, hash, err := discovery.Canonical(payload)
	if err != nil {
		t.Fatal(err)
	}
	c, err := typ.Graph(key, doc)
	if err != nil {
		t.Fatal(err)
	}
	c.Source = system + "/" + typ.Of.Name
	c.Document = &graph.Document{System: key, Type: typ.Of.Name, Hash: hash, JSON: doc, At: time.Unix(1, 0)}
	c.Nodes = append(c.Nodes, graph.Node{Key: key, Props: graph.P("id", system)})
	if _, err := store.Apply(context.Background(), c); err != nil {
		t.Fatal(err)
	}
}

func rows(t *testing.T, store graph.Store, text, system string) [][]any {
	t.Helper()
	q, err := cypher.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := store.View(context.Background(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	result, err := q.Run(context.Background(), reader, map[string]any{"system": system}, cypher.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := result.Collect()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func derived(t *testing.T, store graph.Store, system string) []string {
	t.Helper()
	var list []string
	for _, r := range Built() {
		for _, row := range rows(t, store, r.Query, system) {
			from, to := row[0].(*cypher.Node).Vertex(), row[2].(*cypher.Node).Vertex()
			list = append(list, fmt.Sprintf("%s -%s-> %s %v", from.Key.ID, row[1], to.Key.ID, row[3]))
		}
	}
	slices.Sort(list)
	return list
}

func TestBothEndsOfAConnectionMeetInOneDependency(t *testing.T) {
	store := graphtest.NewMem()
	nginx := &proc.Process{ID: "nginx/nginx.service:tcp80", Name: "nginx"}
	redis := &proc.Process{ID: "redis-server/redis:tcp6379", Name: "redis-server"}
	app := &proc.Process{ID: "app/app.service", Name: "app"}
	five := netip.MustParseAddr("10.0.0.5")
	say(t, store, listeners.Plugin, "n-web", &listeners.Payload{
		Processes: []*proc.Process{nginx, redis},
		Listeners: []listeners.Listener{
			{Process: nginx.ID, Proto: "tcp", Addr: netip.IPv4Unspecified(), Port: 80, Scope: listeners.Any},
			{Process: redis.ID, Proto: "tcp", Addr: netip.MustParseAddr("127.0.0.1"), Port: 6379, Scope: proc.Local}},
		Addresses: []proc.OwnAddr{{Addr: five, Scope: proc.Global}, {Addr: netip.MustParseAddr("127.0.0.1"), Scope: proc.Local}}})
	say(t, store, connections.Plugin, "n-web", &connections.Payload{Processes: []*proc.Process{nginx},
		Connections: []connections.Connection{{Process: nginx.ID, Endpoint: proc.Endpoint{Proto: "tcp", Addr: netip.MustParseAddr("127.0.0.1"), Port: 6379, Scope: proc.Local}}}})
	say(t, store, connections.Plugin, "n-app", &connections.Payload{Processes: []*proc.Process{app},
		Connections: []connections.Connection{
			{Process: app.ID, Endpoint: proc.Endpoint{Proto: "tcp", Addr: five, Port: 80, Scope: proc.Global}},
			// The same loopback address on another system is another place.
			{Process: app.ID, Endpoint: proc.Endpoint{Proto: "tcp", Addr: netip.MustParseAddr("127.0.0.1"), Port: 6379, Scope: proc.Local}}}})

	for system, want := range map[string][]string{
		"n-web": {"n-web/nginx/nginx.service:tcp80 -DEPENDS_ON-> n-web/redis-server/redis:tcp6379 [tcp/6379]"},
		"n-app": {"n-app -DEPENDS_ON-> n-web [app > nginx]", "n-app/app/app.service -DEPENDS_ON-> n-web/nginx/nginx.service:tcp80 [tcp/80]"},
	} {
		if got := derived(t, store, system); !slices.Equal(got, want) {
			t.Errorf("%s:\n got  %q\n want %q", system, got, want)
		}
	}
	for _, r := range Built()[:2] {
		if got := rows(t, store, r.Affected, "n-web"); len(got) != 1 || got[0][0] != "n-app" {
			t.Errorf("%s: after n-web changed, %v are affected, want n-app", r.Name, got)
		}
	}
}

func TestAClientOfARouterDependsOnWhoAnswersBehindIt(t *testing.T) {
	store := graphtest.NewMem()
	app, web := &proc.Process{ID: "app/app.service", Name: "app"}, &proc.Process{ID: "nginx/nginx.service:tcp8080", Name: "nginx"}
	end := func(addr string, port uint16) proc.Endpoint {
		return proc.Endpoint{Proto: "tcp", Addr: netip.MustParseAddr(addr), Port: port, Scope: proc.Global}
	}
	say(t, store, connections.Plugin, "n-app", &connections.Payload{Processes: []*proc.Process{app},
		Connections: []connections.Connection{{Process: app.ID, Endpoint: end("10.0.0.1", 80)}}})
	say(t, store, listeners.Plugin, "n-web", &listeners.Payload{Processes: []*proc.Process{web},
		Listeners: []listeners.Listener{{Process: web.ID, Proto: "tcp", Addr: netip.MustParseAddr("10.0.1.7"), Port: 8080, Scope: proc.Global}}})
	if got := derived(t, store, "n-app"); len(got) != 0 {
		t.Errorf("the router told nothing, and %q", got)
	}
	say(t, store, connections.Plugin, "n-router", &connections.Payload{Forwards: []connections.Forward{{Called: end("10.0.0.1", 80), Server: end("10.0.1.7", 8080)}}})
	want := []string{"n-app -DEPENDS_ON-> n-web [app > nginx]", "n-app/app/app.service -DEPENDS_ON-> n-web/nginx/nginx.service:tcp8080 [tcp/80]"}
	if got := derived(t, store, "n-app"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, r := range Built()[:2] {
		for _, system := range []string{"n-router", "n-web"} {
			if got := rows(t, store, r.Affected, system); len(got) != 1 || got[0][0] != "n-app" {
				t.Errorf("%s: after %s changed, %v are affected, want n-app", r.Name, system, got)
			}
		}
	}
}

func TestGuestAndHostMeetByUUID(t *testing.T) {
	const uuid = "5f0c1a2b-0000-4000-8000-123456789abc"
	store := graphtest.NewMem()
	say(t, store, vm.Plugin, "n-guest", &vm.Payload{Kind: "kvm", UUID: uuid})
	say(t, store, vm.Plugin, "n-host", &vm.Payload{Kind: "physical", Guests: []vm.Guest{{Name: "web", UUID: uuid}}})
	if got, want := derived(t, store, "n-guest"), []string{"n-guest -HOSTED_BY-> n-host [" + uuid + "]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, r := range Built() {
		if got := rows(t, store, r.Affected, "n-host"); r.Name == "hosted_by" && (len(got) != 1 || got[0][0] != "n-guest") {
			t.Errorf("after n-host changed, %v are affected, want n-guest", got)
		}
	}
}

func TestARuleSaysWhatItIsAbout(t *testing.T) {
	for _, r := range Built() {
		if r.Short == "" || len(r.Triggers) == 0 || r.Affected == "" {
			t.Errorf("%+v is not complete", r)
		}
	}
	if _, err := Load(fstest.MapFS{"x.cypher": {Data: []byte("RETURN 1")}}); err == nil {
		t.Error("a rule without its comment lines was taken")
	}
	r := Rule{Name: "x"}
	c := r.Change(graph.Key{Label: graph.System, ID: "n-1"}, []Row{{From: graph.Key{Label: "A", ID: "1"}, Type: "T", To: graph.Key{Label: "B", ID: "2"}}})
	if c.Source != "derive/x/n-1" || len(c.Rels) != 1 {
		t.Errorf("%+v", c)
	}
}
