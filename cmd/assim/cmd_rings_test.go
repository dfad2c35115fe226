package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// site is two switches of six, two subnet deputies and one each on the top ring.
func site() []ringTable {
	rings := []ringTable{{level: "subnet", name: "10.0.0.0/24", version: "3"}, {level: "top", name: "top", version: "2"}}
	for sw := range 3 {
		r := ringTable{level: "switch", name: fmt.Sprintf("sw%d", sw+1), version: "7"}
		for i := range 6 {
			m := ringMember{name: fmt.Sprintf("%c%d", 'a'+sw, i+1), status: "up", deputy: i == 1 || i == 4}
			switch m.name {
			case "a3":
				m.status = "dead"
			case "b6":
				m.status = "unknown"
			case "c3":
				m.status = "shutdown"
			}
			r.members = append(r.members, m)
			if m.deputy {
				above := &rings[i/4]
				above.members = append(above.members, ringMember{name: m.name, status: m.status})
			}
		}
		rings = append(rings, r)
	}
	return rings
}

func TestTheGraphOfTheRingsTellsDeputiesAndWhoIsNotUp(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	a.ringsDot(site())
	if file := os.Getenv("ASSIM_DOT"); file != "" {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := out.String()
	for _, want := range []string{
		`"a1" -- "a2" [color=steelblue len=1]`, `"a2" -- "b2" [color=darkorange len=5]`, `"a5" -- "b5" [color=purple len=5]`, `"a6" -- "a1"`,
		`"a2" [shape=diamond`, `"a3" [fillcolor=tomato]`, `"b6" [fillcolor=lightgray]`, `"c3" [fillcolor=lightblue]`, "deputy: also in the ring above",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the graph lacks %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\n  \"a1\" [") {
		t.Error("a member of one ring that is up is drawn as something else")
	}
}

func TestTimesInSentencesAreThoseOfThePlaceOfTheReader(t *testing.T) {
	was := time.Local
	time.Local = time.FixedZone("X", 2*3600)
	defer func() { time.Local = was }()
	for text, want := range map[string]string{
		"h06 hears nothing from h07 since 2026-11-25T23:04:05.6Z": "h06 hears nothing from h07 since 2026-11-26 01:04:05.6",
		"since 2026-11-25T10:00:00Z, and since 1984 (both).":      "since 2026-11-25 12:00:00.0, and since 1984 (both).",
		"nothing  is said of  when ":                              "nothing  is said of  when ",
		"":                                                        "",
	} {
		if got := whenHere(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}
