package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"assim/graph"
)

var began = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// address is the i-th system's address; 250 share a subnet.
func address(i int) string {
	return fmt.Sprintf("10.%d.%d.%d", i/250/250, i/250%250, i%250+1)
}

// discovery is what the i-th of n systems says first: 12 nodes and 14
// relationships of its own, a client of one service of two other systems, and
// a document of about 2 kB.
func discovery(i, n int) graph.Change {
	id := fmt.Sprintf("n-%032x", uint64(i)*0x9e3779b97f4a7c15)
	k := func(label, id string) graph.Key { return graph.Key{Label: label, ID: id} }
	sys := k(graph.System, id)
	eth0, lo := k(graph.NIC, id+"/eth0"), k(graph.NIC, id+"/lo")
	ip := k(graph.IPAddr, address(i))
	subnet := k(graph.Subnet, address(i/250*250)+"/24")
	port := k(graph.SwitchPort, fmt.Sprintf("sw-%d/Gi1/0/%d", i/48, i%48))
	nginx, agent := k(graph.Process, id+"/nginx/80"), k(graph.Process, id+"/agent")
	web := k(graph.Endpoint, "tcp/"+address(i)+":80")
	db := k(graph.Endpoint, "tcp/"+id+"/127.0.0.1:5432")
	far := func(d int) graph.Key { return k(graph.Endpoint, "tcp/"+address((i+d)%n)+":80") }
	mac := fmt.Sprintf("02:00:%02x:%02x:%02x:01", i>>16&255, i>>8&255, i&255)
	c := graph.Change{
		Source: id + "/all", At: began.Add(time.Duration(i) * time.Millisecond),
		Nodes: []graph.Node{
			{Key: sys, Props: graph.P("name", fmt.Sprintf("host%06d", i), "id", id, "kind", "server", "status", "up", "os", "Debian GNU/Linux 12", "kernel", "6.1.0-18-amd64", "arch", "x86_64")},
			{Key: eth0, Props: graph.P("mac", mac, "ifname", "eth0", "speed_mbps", 10000, "carrier", true, "mtu", 1500)},
			{Key: lo, Props: graph.P("ifname", "lo", "mtu", 65536, "virtual", true)},
			{Key: ip, Props: graph.P("addr", ip.ID, "scope", "global", "version", 4)},
			{Key: subnet, Props: graph.P("prefix", subnet.ID)},
			{Key: port, Props: graph.P("port", fmt.Sprintf("Gi1/0/%d", i%48), "description", fmt.Sprintf("rack %d", i/48), "vlan", 100)},
			{Key: nginx, Props: graph.P("name", "nginx", "exe", "/usr/sbin/nginx", "args", "-g daemon off;", "user", "www-data", "unit", "nginx.service")},
			{Key: agent, Props: graph.P("name", "agent", "exe", "/usr/bin/agent", "user", "root", "unit", "agent.service")},
			{Key: web, Props: graph.P("proto", "tcp", "addr", address(i), "port", 80, "scope", "global")},
			{Key: db, Props: graph.P("proto", "tcp", "addr", "127.0.0.1", "port", 5432, "scope", "host")},
		},
		Rels: []graph.Rel{
			{From: sys, Type: graph.HasNIC, To: eth0}, {From: sys, Type: graph.HasNIC, To: lo},
			{From: eth0, Type: graph.HasIP, To: ip, Props: graph.P("prefix_len", 24)}, {From: ip, Type: graph.InSubnet, To: subnet},
			{From: eth0, Type: graph.CabledTo, To: port, Props: graph.P("via", "lldp")},
			{From: sys, Type: graph.Runs, To: nginx}, {From: sys, Type: graph.Runs, To: agent},
			{From: nginx, Type: graph.ListensOn, To: web}, {From: agent, Type: graph.ListensOn, To: db},
			{From: nginx, Type: graph.ConnectsTo, To: db}, {From: agent, Type: graph.ConnectsTo, To: far(1)}, {From: agent, Type: graph.ConnectsTo, To: far(7)},
			{From: nginx, Type: graph.DependsOn, To: agent}, {From: sys, Type: graph.HostedBy, To: sys},
		},
	}
	text := fmt.Appendf(nil, `{"type":"all","host":"host%06d","mac":%q,"addr":%q,"text":%q}`, i, mac, address(i), strings.Repeat(id[:20]+" fact ", 68))
	sum := sha256.Sum256(text)
	c.Document = &graph.Document{System: sys, Type: "all", Hash: hex.EncodeToString(sum[:]), JSON: text}
	return c
}
