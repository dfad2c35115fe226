package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"assim/e2e/lab"
	"assim/event"
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
	// A small switch between them and theirs would let them hear it as well.
	w.emit(w.NICs("h01")[0], [][]byte{station})
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
	w.wants("it hangs off the port of those that hear it", `MATCH (u:System {kind: 'unknown'})-[:HAS_NIC]->(:NIC {mac: '00:00:0c:12:34:56'})-[:CABLED_TO]->(p:SwitchPort)
		MATCH (:System {name: 'h01'})-[:HAS_NIC]->(:NIC)-[:CABLED_TO]->(p)<-[:HAS_PORT]-(:System {kind: 'switch'}) RETURN u.name`, [][]any{{"printer"}})
	// What a person asks gives the same.
	out, err := w.Assim(within(t, patience), "query", "unknownips")
	if err != nil || !slices.ContainsFunc(strings.Split(string(out), "\n"), func(line string) bool {
		return strings.Contains(line, "10.77.0.99") && strings.Contains(line, "h01") && strings.Contains(line, "h02")
	}) {
		t.Errorf("assim query unknownips: %v\n%s", err, out)
	}
}

// station is the LLDP frame of a machine that is no switch: chassis, port, time to
// live, name, abilities.
var station = []byte("\x01\x80\xc2\x00\x00\x0e\x00\x00\x0c\x12\x34\x56\x88\xcc" +
	"\x02\x07\x04\x00\x00\x0c\x12\x34\x56" + "\x04\x07\x03\x00\x00\x0c\x12\x34\x56" + "\x06\x02\x02\x58" +
	"\x0a\x07printer" + "\x0e\x04\x00\x80\x00\x80" + "\x00\x00")

// The addresses that move: one of a cluster, and one that is stolen.
const (
	clusters = "10.77.0.200"
	stolen   = "10.77.0.201"
)

func TestAStolenAddressIsToldOnceWithBothMACsAndAMovedOneIsNot(t *testing.T) {
	t.Parallel()
	w := start(t, lab.Spread(1, 3).String())
	sh := func(system, script string) {
		t.Helper()
		if out, err := w.Lab.Run(within(t, patience), system, "sh", "-ec", script); err != nil {
			t.Fatalf("%s: %v: %s", system, err, out)
		}
	}
	mac := func(system string) string { return w.NICs(system)[0].MAC }
	// Whoever uses the addresses: packets of the kernels, as everywhere.
	sh("h02", "ip addr add "+clusters+"/32 dev eth0; ip addr add "+stolen+"/32 dev eth0")
	for _, user := range []string{"h01", "h03"} {
		sh(user, "ping -qc1 -W5 "+clusters+"; ping -qc1 -W5 "+stolen)
	}
	seen := func(address, by string) string {
		return fmt.Sprintf("MATCH (:System {name: '%s'})-[:HAS_NIC]->(:NIC)-[:SEES]->()-[c:CONTAINS]->(:IPAddr {addr: '%s'}) RETURN c.mac, c.was", by, address)
	}
	for _, user := range []string{"h01", "h03"} {
		for _, address := range []string{clusters, stolen} {
			w.wants(user+" has "+address+" from its owner", seen(address, user), [][]any{{mac("h02"), nil}})
		}
	}
	before := w.events()
	// The cluster's address moves as keepalived moves it; the other is taken by a
	// machine that nobody knows.
	sh("h02", "ip addr del "+clusters+"/32 dev eth0")
	sh("h03", "ip addr add "+clusters+"/32 dev eth0")
	if err := w.AddSystem(lab.System{Name: "thief", Cables: []lab.Cable{{Switch: w.NICs("h01")[0].Switch}}}); err != nil {
		t.Fatal(err)
	}
	sh("thief", "ip addr add "+stolen+"/32 dev eth0")
	w.until("the neighbors have both addresses from others", func() error {
		// Said once, it may be missed: a kernel that confirmed a neighbor within the
		// last second believes nobody else.
		w.announces("h03", clusters)
		w.announces("thief", stolen)
		for _, q := range []struct{ address, by, now string }{{stolen, "h01", "thief"}, {stolen, "h03", "thief"}, {clusters, "h01", "h03"}} {
			rows, err := w.ask(seen(q.address, q.by))
			if want := fmt.Sprint([][]any{{mac(q.now), mac("h02")}}); err != nil || fmt.Sprint(rows) != want {
				return fmt.Errorf("%s has %s from %v, %v, want %s", q.by, q.address, rows, err, want)
			}
		}
		return nil
	})

	var told []event.Event
	err := lab.Until(within(t, 2*leisure), "the theft is told", func() error {
		told = slices.DeleteFunc(w.since(before), func(e event.Event) bool { return e.Kind != event.DuplicateAddress })
		if len(told) == 0 {
			return errors.New("nothing is told")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	e := told[0]
	if len(told) != 1 || e.Name != "h02" || e.Detail["address"] != stolen || e.Detail["mac"] != mac("h02") || e.Detail["other"] != mac("thief") ||
		!slices.Contains(e.Witnesses, "h01") || !slices.Contains(e.Witnesses, "h03") {
		t.Errorf("told is %+v", told)
	}
	rows, err := w.ask("MATCH (u:System {kind: 'unknown'})-[:HAS_NIC]->(n:NIC)-[c:CONTESTS]->(:NIC)<-[:HAS_NIC]-(s:System) RETURN n.mac, c.address, s.name")
	if want := fmt.Sprint([][]any{{mac("thief"), stolen, "h02"}}); err != nil || fmt.Sprint(rows) != want {
		t.Errorf("contested is %v, %v, want %s", rows, err, want)
	}
}

// announces sends the frame with which a system says that an address is its own
// now: a gratuitous ARP request, as keepalived does.
func (w *world) announces(system, address string) {
	w.t.Helper()
	nic := w.NICs(system)[0]
	own, err := net.ParseMAC(nic.MAC)
	if err != nil {
		w.t.Fatal(err)
	}
	ip := netip.MustParseAddr(address).As4()
	everybody := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	frame := slices.Concat(everybody, own, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, own, ip[:], make([]byte, 6), ip[:])
	fd := -1
	err = w.Inside(system, func() error {
		link, err := net.InterfaceByName(nic.Name)
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link.Index})
	})
	if fd >= 0 {
		defer unix.Close(fd)
	}
	if err == nil {
		_, err = unix.Write(fd, frame)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
