package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/e2e/lab"
)

// leisure is how long the CMA may take to see all neighbor tables together: it
// does so once a minute.
const leisure = 100 * time.Second

func TestAMachineThatOnlyNeighborsSeeIsInTheGraphWithItsVendorAndWhoSeesIt(t *testing.T) {
	t.Parallel()
	w := start(t, lab.Spread(1, 2).String())
	for _, name := range []string{"h01", "h02"} {
		if out, err := w.Lab.Run(within(t, patience), name, "ip", "neigh", "add", "10.77.0.99", "lladdr", "00:00:0c:12:34:56", "dev", "eth0", "nud", "permanent"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	seers, err := w.ask("MATCH (s:System {nanoprobe: true}) WHERE s.name IN ['h01', 'h02'] RETURN s.id ORDER BY s.id")
	if err != nil || len(seers) != 2 {
		t.Fatalf("%v, %v", seers, err)
	}
	const question = `MATCH (u:System {kind: 'unknown'})-[:HAS_NIC]->(n:NIC)-[:HAS_IP]->(a:IPAddr {addr: '10.77.0.99'})
		RETURN n.mac, n.vendor, u.vendor, u.seen_by`
	err = lab.Until(within(t, leisure), "the stranger is in the graph", func() error {
		rows, err := w.ask(question)
		if err != nil {
			return err
		}
		want := fmt.Sprint([]any{"00:00:0c:12:34:56", "Cisco Systems, Inc", "Cisco Systems, Inc", []any{seers[0][0], seers[1][0]}})
		if len(rows) != 1 || fmt.Sprint(rows[0]) != want {
			return fmt.Errorf("the graph has %v, want %s", rows, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// What a person asks gives the same.
	out, err := w.Assim(within(t, patience), "query", "unknownips")
	if err != nil || !slices.ContainsFunc(strings.Split(string(out), "\n"), func(line string) bool {
		return strings.Contains(line, "10.77.0.99") && strings.Contains(line, "h01") && strings.Contains(line, "h02")
	}) {
		t.Errorf("assim query unknownips: %v\n%s", err, out)
	}
}
