package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"assim/admin"
	"assim/api"
)

// pageOf is what assim status prints.
func pageOf(p statusPage, all bool) string {
	var out bytes.Buffer
	(&app{out: &out}).status(p, all)
	return out.String()
}

// busyPage is that of a CMA of 10,000 systems on a bad day.
func busyPage() statusPage {
	p := statusPage{Status: api.Status{
		Version: "cma 1", Started: time.Now().Add(-time.Hour), Store: "embedded, graph.db", Listen: ":1984", RSS: 44_600_000, Rings: 310, Recovery: "recovery",
		Systems: map[string]int{"up": 9990, "dead": 9, "stopped": 1},
		Queues:  []api.Queue{{Name: "signals", Length: 7, Limit: 100}, {Name: "documents", Length: 20, Limit: 20, Dropped: 3}, {Name: "commits", Limit: 9}}, Counters: map[string]uint64{"documents": 300}, Rates: map[string]float64{"documents": 1.5}, LastError: "no space left", LastErrorAt: time.Now(),
	}, Incidents: 30, Pending: 2}
	for i := range 60 {
		typ := fmt.Sprintf("type%02d", i)
		p.Counters["documents: "+typ] = 5
		p.SetAside = append(p.SetAside, api.SetAside{System: "web1", Type: typ, Reason: "odd"})
		p.Malformed = append(p.Malformed, admin.Malformed{Name: fmt.Sprintf("evil%02d", i), Reason: "short"})
		p.Resting = append(p.Resting, rest{"db1", "dear" + typ, "soon", 4000.0})
		p.Failing = append(p.Failing, failure{"db1", "blind" + typ, "yesterday", "no eyes\x1b[2J"})
	}
	for i := range maxBroken {
		p.Broken = append(p.Broken, fault{"system dead", fmt.Sprintf("db%d is dead", i), "2026-11-25T10:00:00Z"})
	}
	return p
}

// The worst of days fits on a screen: what is broken first, and counts with a way
// to the rest.
func TestTheStatusIsOneScreenWithWhatIsBrokenFirst(t *testing.T) {
	const screen = 48
	text := pageOf(busyPage(), false)
	if n := strings.Count(text, "\n"); n > screen {
		t.Errorf("%d lines:\n%s", n, text)
	}
	at := 0
	for _, want := range []string{"30 things are broken", "assim incidents", "db0 is dead", "and 22 more", "Queues that are full", "documents", "no space left", "Set aside", "and 57 more: assim status -all",
		"Systems that send what cannot be read", "evil02", "systems", "9 dead, 1 stopped, 9990 up", "2: assim pending", "310", "300 since the start, 1.5 a minute now, 60 set aside", "7 signals, 20 documents, 0 commits waiting; 3 dropped", "recovery-key take", "Resting or failing", "blindtype02", "fails since yesterday", "and 117 more"} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("%q is missing, or not where it belongs:\n%s", want, text)
		}
		at += i
	}
	if strings.Contains(text, "\x1b[2J") {
		t.Error("the words of a system rule the terminal")
	}
	if strings.Contains(text, "documents: type") {
		t.Error("every counter is on the first page")
	}
	whole := pageOf(busyPage(), true)
	for _, want := range []string{"documents: type59", "evil59", "blindtype59", "deartype59", "waits until soon", "4000 ms", "PER MINUTE", "LIMIT"} {
		if !strings.Contains(whole, want) {
			t.Errorf("-all does not tell of %q", want)
		}
	}
}

func TestAQuietStatusIsShort(t *testing.T) {
	p := statusPage{Status: api.Status{Version: "cma 1", Systems: map[string]int{"up": 3}, Rings: 1, Queues: []api.Queue{{Name: "signals", Limit: 1}}, LastError: "long ago", LastErrorAt: time.Now().Add(-time.Hour)}}
	text := pageOf(p, false)
	if !strings.HasPrefix(text, "Nothing is broken.\n") || strings.Count(text, "\n") > 12 || strings.Contains(text, "long ago") || strings.Contains(text, "Resting") {
		t.Errorf("%s", text)
	}
	if all := pageOf(p, true); !strings.Contains(all, "long ago") {
		t.Errorf("-all forgets the last error:\n%s", all)
	}
}

// A graph that does not answer is not a graph in which nothing is broken.
func TestAStatusWithoutAGraphSaysSo(t *testing.T) {
	text := pageOf(statusPage{Unknown: "the store is away\x1b[2J"}, false)
	if strings.Contains(text, "Nothing is broken") || !strings.Contains(text, "not known: the store is away") || strings.Contains(text, "\x1b") {
		t.Errorf("%q", text)
	}
	b, err := json.Marshal(statusPage{Unknown: "away"})
	if err != nil || !strings.Contains(string(b), `"resting":null`) || !strings.Contains(string(b), `"broken":null`) {
		t.Errorf("%s, %v", b, err)
	}
}
