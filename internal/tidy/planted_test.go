package tidy

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// shapely is a small tree with nothing to say about; each case plants one
// violation in it.
func shapely() fstest.MapFS {
	fs := fstest.MapFS{}
	for name, text := range map[string]string{
		"go.mod":                 "module assim\n\ngo 1.26\n",
		"wire/wire.go":           "// Package wire is here.\npackage wire\n",
		"graph/graph.go":         "// Package graph is here.\npackage graph\n",
		"heartbeat/heartbeat.go": "// Package heartbeat is here.\npackage heartbeat\n\nimport (\n\t\"net/netip\"\n\t\"time\"\n\n\t\"assim/wire\"\n)\n",
		"ring/ring.go":           "// Package ring is here.\npackage ring\n",
		"member/member.go":       "// Package member is here.\npackage member\n\nimport \"assim/heartbeat\"\n",
		"discovery/discovery.go": "// Package discovery is here.\npackage discovery\n\ntype Type struct{ Name string }\n",
		"discovery/arp/arp.go":   "// Package arp is here.\npackage arp\n\nimport \"assim/discovery\"\n\nvar Type = discovery.Type{Name: \"arp\"}\n",
		"discovery/all/all.go":   "// Package all is here.\npackage all\n\nimport (\n\t\"assim/discovery\"\n\t\"assim/discovery/arp\"\n)\n\nvar Types = []discovery.Type{arp.Type}\n",
		"graph/embedded/e.go":    "// Package embedded is here.\npackage embedded\n\nimport \"assim/graph\"\n",
		"netio/netio.go":         "// Package netio is here.\npackage netio\n\nimport \"net\"\n",
		"nanoprobe/nanoprobe.go": "// Package nanoprobe is here.\npackage nanoprobe\n\nimport (\n\t\"assim/discovery/all\"\n\t\"assim/member\"\n\t\"assim/netio\"\n)\n",
		"cma/cma.go":             "// Package cma is here.\npackage cma\n",
		"api/api.go":             "// Package api is here.\npackage api\n\nimport \"assim/graph\"\n",
		"cmd/nanoprobe/main.go":  "// Command nanoprobe is here.\npackage main\n\nimport \"assim/nanoprobe\"\n",
		"sim/sim.go":             "// Package sim is here.\npackage sim\n\nimport \"assim/member\"\n",
		"docs/schema.md":         "# here\n",
	} {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fs
}

func check(t *testing.T, fs fstest.MapFS) []string {
	t.Helper()
	tree, err := Read(fs)
	if err != nil {
		t.Fatal(err)
	}
	var says []string
	for _, f := range tree.Check() {
		says = append(says, f.String())
	}
	return says
}

func TestATreeInShapeHasNoFindings(t *testing.T) {
	for _, s := range check(t, shapely()) {
		t.Error(s)
	}
}

func TestEveryPlantedViolationIsNamedWithWhatToDo(t *testing.T) {
	long := "// Package ring is here.\npackage ring\n" + strings.Repeat("\n", maxLines)
	for _, c := range []struct {
		plants     string
		file, text string
		says       string // exactly one finding, and it is this
	}{
		{"a core asks the clock", "heartbeat/late.go", "package heartbeat\n\nimport \"time\"\n\nvar at = time.Now()\n",
			"heartbeat/late.go:5: heartbeat is pure and may not call time.Now: take now time.Time as an argument"},
		{"a core asks the clock by another name", "heartbeat/late.go", "package heartbeat\n\nimport t \"time\"\n\nvar at = t.Now()\n",
			"heartbeat/late.go:5: heartbeat is pure and may not call time.Now: take now time.Time as an argument"},
		{"a core passes the clock on", "heartbeat/late.go", "package heartbeat\n\nimport \"time\"\n\nvar clock = time.Now\n",
			"heartbeat/late.go:5: heartbeat is pure and may not call time.Now: take now time.Time as an argument"},
		{"a core sleeps", "ring/nap.go", "package ring\n\nimport \"time\"\n\nfunc nap() { time.Sleep(1) }\n",
			"ring/nap.go:5: ring is pure and may not call time.Sleep: return a Deadline and let the daemon wait"},
		{"a core sets a timer", "ring/nap.go", "package ring\n\nimport \"time\"\n\nfunc nap() { time.NewTimer(1) }\n",
			"ring/nap.go:5: ring is pure and may not call time.NewTimer: return a Deadline and let the daemon wait"},
		{"a core opens a socket", "ring/sock.go", "package ring\n\nimport \"net\"\n",
			"ring/sock.go:3: ring is pure and may not import net: keep addresses as netip.Addr and let an adapter own the socket"},
		{"a core speaks HTTP", "ring/sock.go", "package ring\n\nimport \"net/http\"\n",
			"ring/sock.go:3: ring is pure and may not import net/http: let an adapter own the socket"},
		{"a core reads files", "ring/file.go", "package ring\n\nimport \"os\"\n",
			"ring/file.go:3: ring is pure and may not import os: take what it needs as an argument; the machine comes as a discovery.Host"},
		{"a core logs", "ring/log.go", "package ring\n\nimport \"log/slog\"\n",
			"ring/log.go:3: ring is pure and may not import log/slog: return events; the daemon logs once, where it is decided"},
		{"a core throws global dice", "ring/dice.go", "package ring\n\nimport \"math/rand/v2\"\n\nvar n = rand.IntN(6)\n",
			"ring/dice.go:5: ring is pure and may not use math/rand/v2.IntN: its dice are global; take a seeded *rand.Rand as an argument"},
		{"a core starts a goroutine", "ring/go.go", "package ring\n\nfunc run(f func()) { go f() }\n",
			"ring/go.go:3: ring is pure and may not start a goroutine: return what is to be done and let the daemon do it"},
		{"a composition asks the clock", "member/clock.go", "package member\n\nimport \"time\"\n\nfunc since(t time.Time) any { return time.Since(t) }\n",
			"member/clock.go:5: member is pure and may not call time.Since: take now time.Time as an argument and subtract"},
		{"a discovery type reads the machine itself", "discovery/arp/read.go", "package arp\n\nimport \"os\"\n",
			"discovery/arp/read.go:3: discovery/arp is pure and may not import os: take what it needs as an argument; the machine comes as a discovery.Host"},

		{"a core imports another", "ring/up.go", "package ring\n\nimport \"assim/heartbeat\"\n",
			"ring/up.go:3: ring may not import heartbeat: each is a core, and those do not see one another; let a layer above introduce them"},
		{"a core imports an adapter", "ring/up.go", "package ring\n\nimport \"assim/netio\"\n",
			"ring/up.go:3: ring is a core and may not import netio, which is an adapter: arrows only go down; declare the interface it needs where it is used"},
		{"vocabulary imports a core", "wire/up.go", "package wire\n\nimport \"assim/ring\"\n",
			"wire/up.go:3: wire is vocabulary and may not import ring, which is a core: arrows only go down; declare the interface it needs where it is used"},
		{"vocabulary leaves the standard library", "wire/up.go", "package wire\n\nimport \"golang.org/x/text\"\n",
			"wire/up.go:3: wire is vocabulary and stands on the standard library only: write the part of golang.org/x/text it needs, or move the code up"},
		{"an adapter imports another", "graph/embedded/up.go", "package embedded\n\nimport \"assim/netio\"\n",
			"graph/embedded/up.go:3: graph/embedded may not import netio: each is an adapter, and those do not see one another; let a layer above introduce them"},
		{"the daemons see each other", "cma/up.go", "package cma\n\nimport \"assim/nanoprobe\"\n",
			"cma/up.go:3: cma may not import nanoprobe: each is a daemon, and those do not see one another; let a layer above introduce them"},
		{"a face imports a daemon", "api/up.go", "package api\n\nimport \"assim/cma\"\n",
			"api/up.go:3: api is a face and may not import cma, which is a daemon: arrows only go down; declare the interface it needs where it is used"},
		{"a daemon imports a proof", "cma/up.go", "package cma\n\nimport \"assim/sim\"\n",
			"cma/up.go:3: cma may not import sim: proofs are imported by tests only"},
		{"a folder is not on the map", "attic/attic.go", "// Package attic is here.\npackage attic\n",
			"attic: attic is not on the map: give it a place in internal/tidy/layers.go and draw it in ARCHITECTURE.md"},
		{"a folder says nothing", "utils/u.go", "// Package utils is here.\npackage utils\n",
			"utils: a folder named utils says nothing: name it for the thing inside"},

		{"a package does not introduce itself", "audit/audit.go", "package audit\n",
			`audit/audit.go:1: audit does not introduce itself: begin one of its files with "// Package audit ..." above the package clause`},
		{"a main does not introduce itself", "cmd/cma/main.go", "// Package main is here.\npackage main\n",
			`cmd/cma/main.go:1: cmd/cma does not introduce itself: begin one of its files with "// Command ..." above the package clause`},
		{"a discovery type is forgotten", "discovery/mounts/mounts.go", "// Package mounts is here.\npackage mounts\n\nimport \"assim/discovery\"\n\nvar Type = discovery.Type{Name: \"mounts\"}\n",
			"discovery/mounts/mounts.go:6: discovery/mounts holds a discovery type that nobody runs: add mounts.Type to the list in discovery/all"},
		{"a discovery type hides its name", "discovery/arp/arp.go", "// Package arp is here.\npackage arp\n\nimport \"assim/discovery\"\n\nvar Type = discovery.Type{Name: \"neighbors\"}\n",
			`discovery/arp/arp.go:6: discovery/arp calls its type "neighbors": a type has the name of its folder, so that people find it; rename one of them`},
		{"a second list", "nanoprobe/list.go", "package nanoprobe\n\nimport (\n\t\"assim/discovery\"\n\t\"assim/discovery/arp\"\n)\n\nvar mine = []discovery.Type{arp.Type}\n",
			"nanoprobe/list.go:5: nanoprobe is a daemon and may not import discovery/arp, which is a discovery type: arrows only go down; declare the interface it needs where it is used\n" +
				"nanoprobe/list.go:8: nanoprobe keeps a second list of discovery types: use the one in discovery/all"},
		{"something runs before main", "ring/init.go", "package ring\n\nfunc init() {}\n",
			"ring/init.go:3: ring has an init function, which runs before anybody asked: let a constructor or main do it"},
		{"an import for its side effect", "cma/blank.go", "package cma\n\nimport _ \"image/png\"\n",
			"cma/blank.go:3: cma imports image/png for its side effect: call what it needs by name, or give the import a reason in internal/tidy/manners.go"},
		{"a promise for later", "cma/later.go", "package cma\n\n// TODO: all of it.\n",
			"cma/later.go:3: a promise for later is forgotten: do it now, or say in the documentation that it is not there"},
		{"a long file", "ring/ring.go", long,
			fmt.Sprintf("ring/ring.go: %d lines are too long to hold in the head (%d at most): split it by nouns, or give it a reason in internal/tidy/manners.go", maxLines+2, maxLines)},

		{"the agent gets a store", "cmd/nanoprobe/store.go", "package main\n\nimport \"assim/graph/embedded\"\n",
			"graph/embedded: the agent links graph/embedded by way of cmd/nanoprobe → graph/embedded: the agent keeps no graph; cut the import"},
		{"the agent gets a web server", "netio/http.go", "package netio\n\nimport \"net/http\"\n",
			"netio/http.go:3: the agent links net/http by way of cmd/nanoprobe → nanoprobe → netio: it brings about 3 MB and TLS with it; do it another way or move the code"},
	} {
		t.Run(c.plants, func(t *testing.T) {
			fs := shapely()
			fs[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			if got := strings.Join(check(t, fs), "\n"); got != c.says {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.says)
			}
		})
	}
}

// A local variable may have the name of a package, and tests may ask the clock.
func TestWhatOnlyLooksLikeAViolationIsLeftAlone(t *testing.T) {
	fs := shapely()
	fs["ring/same.go"] = &fstest.MapFile{Data: []byte("package ring\n\ntype clock struct{ Now int }\n\nfunc f(time clock) int { return time.Now }\n")}
	fs["ring/ring_test.go"] = &fstest.MapFile{Data: []byte("package ring\n\nimport (\n\t\"time\"\n\n\t\"assim/sim\"\n)\n\nvar at = time.Now()\n")}
	fs["ring/seeded.go"] = &fstest.MapFile{Data: []byte("package ring\n\nimport \"math/rand/v2\"\n\nfunc g() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }\n")}
	fs["ring/testdata/x.go"] = &fstest.MapFile{Data: []byte("this is no Go")}
	for _, s := range check(t, fs) {
		t.Error(s)
	}
}
