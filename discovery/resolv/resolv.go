// Package resolv discovers how a system turns names into addresses: its name
// servers and search domains, and the names it knows by itself.
package resolv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"assim/discovery"
	"assim/graph"
)

// Type is the discovery type.
var Type = discovery.Type{
	Name:    "resolv",
	Short:   "name servers, search domains, /etc/hosts",
	Every:   time.Hour,
	Files:   []string{"etc/resolv.conf", "etc/hosts", "run/systemd/resolve/resolv.conf"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of:    &Type,
	Graph: toGraph,
	About: discovery.About{
		Reads: []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf behind the local stub of systemd-resolved", "/etc/hosts"},
		Keys: []discovery.Field{
			{Key: "nameservers[]", Meaning: "addresses in the order they are asked"},
			{Key: "stub", Meaning: "address of a resolver on this system that stands before them"},
			{Key: "search[]", Meaning: "domains that short names are tried in"},
			{Key: "options", Meaning: "options of resolv.conf(5); those without a value are true"},
			{Key: "hosts[].addr, names[]", Meaning: "entries of hosts(5) that are not about this system itself"},
			{Key: "left_out", Meaning: "entries of /etc/hosts beyond the limit"},
			{Key: "unreadable[]", Meaning: "what could not be read, and why"},
		},
		Graph: "(System)-[:RESOLVES_BY {position}]->(Endpoint udp/ADDR:53)",
	},
}

// resolvesBy is read (System)-->(Endpoint): it asks this name server.
const resolvesBy = "RESOLVES_BY"

// Limits on what is read.
const (
	maxResolv = 64 << 10
	maxHosts  = 1 << 20
	maxNames  = 1000 // entries of /etc/hosts; blocklists have 100,000
	maxList   = 64   // name servers, domains, options
)

// payload is the document.
type payload struct {
	Servers    []string       `json:"nameservers"`
	Stub       string         `json:"stub,omitempty"`
	Search     []string       `json:"search,omitempty"`
	Options    map[string]any `json:"options,omitempty"`
	Hosts      []host         `json:"hosts,omitempty"`
	LeftOut    int            `json:"left_out,omitempty"`
	Unreadable []string       `json:"unreadable,omitempty"`
}

type host struct {
	Addr  string   `json:"addr"`
	Names []string `json:"names"`
}

func collect(_ context.Context, h discovery.Host) (any, error) {
	root := h.Root()
	p := &payload{Servers: []string{}}
	text, err := read(root, "etc/resolv.conf", maxResolv)
	nothing := errors.Is(err, fs.ErrNotExist)
	p.note(err)
	p.resolv(text)
	if len(p.Servers) == 1 && isStub(p.Servers[0]) {
		if text, err := read(root, "run/systemd/resolve/resolv.conf", maxResolv); err == nil {
			p.Stub, p.Servers = p.Servers[0], []string{}
			p.resolv(text)
		}
	}
	text, err = read(root, "etc/hosts", maxHosts)
	if nothing && errors.Is(err, fs.ErrNotExist) {
		return nil, discovery.ErrNotHere
	}
	p.note(err)
	p.hosts(text)
	return p, nil
}

// note keeps an error for the document; a file that is not there is none.
func (p *payload) note(err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.Unreadable = append(p.Unreadable, err.Error())
	}
}

func read(root fs.FS, name string, limit int) (string, error) {
	text, err := fs.ReadFile(root, name)
	if err == nil && len(text) > limit {
		err = fmt.Errorf("%s: %d bytes are over the limit of %d", name, len(text), limit)
	}
	if err != nil {
		return "", err
	}
	return string(text), nil
}

func isStub(server string) bool {
	addr, err := netip.ParseAddr(server)
	return err == nil && addr.IsLoopback()
}

// resolv reads resolv.conf(5). The last of domain and search counts; a server
// may carry a zone.
func (p *payload) resolv(text string) {
	for l := range strings.Lines(text) {
		if i := strings.IndexAny(l, "#;"); i >= 0 {
			l = l[:i]
		}
		words := strings.Fields(l)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			if addr, err := netip.ParseAddr(words[1]); err == nil && len(p.Servers) < maxList && !slices.Contains(p.Servers, addr.String()) {
				p.Servers = append(p.Servers, addr.String())
			}
		case "domain", "search":
			p.Search = words[1:min(len(words), maxList)]
		case "options":
			p.options(words[1:])
		}
	}
}

func (p *payload) options(words []string) {
	for _, word := range words {
		if p.Options == nil {
			p.Options = map[string]any{}
		}
		if len(p.Options) >= maxList {
			return
		}
		name, value, has := strings.Cut(word, ":")
		if n, err := strconv.Atoi(value); has && err == nil {
			p.Options[name] = n
		} else {
			p.Options[name] = true
		}
	}
}

// hosts reads hosts(5). What every system has about itself and about multicast
// says nothing.
func (p *payload) hosts(text string) {
	at := map[string]int{}
	for l := range strings.Lines(text) {
		l, _, _ = strings.Cut(l, "#")
		words := strings.Fields(l)
		if len(words) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(words[0])
		if err != nil || addr.IsLoopback() || addr.IsMulticast() || addr.IsUnspecified() || addr.IsLinkLocalMulticast() || addr == netip.MustParseAddr("fe00::") {
			continue
		}
		i, known := at[addr.String()]
		if !known {
			if len(p.Hosts) >= maxNames {
				p.LeftOut++
				continue
			}
			i = len(p.Hosts)
			at[addr.String()] = i
			p.Hosts = append(p.Hosts, host{Addr: addr.String()})
		}
		for _, name := range words[1:] {
			if !slices.Contains(p.Hosts[i].Names, name) {
				p.Hosts[i].Names = append(p.Hosts[i].Names, name)
			}
		}
	}
}

// toGraph says which name servers the system asks, so that it is seen to depend
// on them. A name server is an Endpoint like any other.
func toGraph(system graph.Key, doc []byte) (graph.Change, error) {
	var p *payload
	if err := json.Unmarshal(doc, &p); err != nil {
		return graph.Change{}, fmt.Errorf("resolv: %w", err)
	}
	if p == nil {
		return graph.Change{}, errors.New("resolv: the document is null")
	}
	c := graph.Change{}
	if len(p.Search) > 0 {
		c.Nodes = append(c.Nodes, graph.Node{Key: system, Props: graph.P("search", p.Search)})
	}
	for i, server := range p.Servers {
		addr, err := netip.ParseAddr(server)
		if err != nil {
			continue
		}
		scope := discovery.ScopeOf(addr, false)
		const port = 53
		key := discovery.EndpointKey(system, "udp", netip.AddrPortFrom(addr, port), scope)
		c.Nodes = append(c.Nodes, graph.Node{Key: key, Props: graph.P("proto", "udp", "addr", addr.WithZone("").String(), "port", port, "scope", scope)})
		c.Rels = append(c.Rels, graph.Rel{From: system, Type: resolvesBy, To: key, Props: graph.P("position", i+1)})
	}
	return c, nil
}
