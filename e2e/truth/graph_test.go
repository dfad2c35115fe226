package truth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"assim/e2e/lab"
)

// ask puts a query to the CMA.
func (s *subject) ask(cypher string) ([][]any, error) {
	out, err := s.Assim(within(s.t, patience), "query", "-json", cypher)
	if err != nil {
		return nil, err
	}
	return decode[struct{ Rows [][]any }](s.t, "assim query", out).Rows, nil
}

// told waits until the graph answers something, and returns the rows as text.
func (s *subject) told(what, cypher string) []string {
	s.t.Helper()
	var list []string
	err := lab.Until(within(s.t, patience), what, func() error {
		rows, err := s.ask(cypher)
		if err == nil && len(rows) == 0 {
			err = errors.New("nothing yet")
		}
		list = nil
		for _, row := range rows {
			var words []string
			for _, v := range row {
				words = append(words, strings.TrimSpace(fmt.Sprint(v)))
			}
			list = append(list, strings.Join(words, " "))
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// graph compares what the CMA made of the documents with the same tools.
func (s *subject) graph() {
	const me = "MATCH (s:System {name: 'h01'})"
	s.told("the packages are in the graph", me+"-[:HAS_PACKAGES]->(p) RETURN p.size")
	s.told("the lists are in the graph", me+"-[:HAS_SETTINGS]->(p) RETURN p.size")
	s.told("the cable is in the graph", me+"-[:HAS_NIC]->(:NIC)-[:CABLED_TO]->(p) RETURN p.port")
	for _, on := range []string{"redis-server", "cma"} { // each is found when it is first talked to
		s.told("the dependency on "+on+" is in the graph", me+"-[:RUNS]->(:Process)-[:DEPENDS_ON]->(p {name: '"+on+"'}) RETURN p.name")
	}

	var cards, addresses []string
	for _, l := range decode[[]ipLink](s.t, "ip link", s.tool("ip", "-j", "-d", "link")) {
		mac := l.Address
		if l.Ifname == "lo" {
			mac = "<nil>"
		}
		cards = append(cards, fmt.Sprintf("%s %s %d", l.Ifname, mac, l.MTU))
	}
	s.sets("graph", "NIC ", s.told("interfaces", me+"-[:HAS_NIC]->(n:NIC) RETURN n.ifname, n.mac, n.mtu"), cards)
	for _, line := range lines(s.tool("sh", "-c", `ip -o addr | awk '{print $2, $4}'`)) {
		if !strings.Contains(line, " fe80:") {
			addresses = append(addresses, line)
		}
	}
	s.sets("graph", "address ", s.told("addresses", me+"-[:HAS_NIC]->(n:NIC)-[h:HAS_IP]->(a:IPAddr) WHERE a.scope <> 'link' RETURN n.ifname, a.addr + '/' + toString(h.prefix_len)"), addresses)
	s.same("graph", "number of deb packages", strings.Join(s.told("packages", me+"-[:HAS_PACKAGES]->(:PackageSet)-[:CONTAINS]->(p:Package {manager: 'deb'}) RETURN count(DISTINCT p)"), ""),
		len(installed(s.tool("dpkg-query", "-W", "-f", dpkgFormat))))
	s.same("graph", "value of kernel.pid_max", strings.Join(s.told("settings", me+"-[:HAS_SETTINGS]->(:SettingSet)-[:CONTAINS]->(p:Setting {name: 'kernel.pid_max'}) RETURN p.value"), ""),
		strings.TrimSpace(string(s.tool("sysctl", "-n", "kernel.pid_max"))))
	sum := strings.Fields(string(s.tool("sha256sum", "/usr/sbin/sshd")))[0]
	s.same("graph", "SHA-256 of sshd", strings.Join(s.told("checksums", me+"-[:HAS_CHECKSUMS]->(:ChecksumSet)-[:CONTAINS]->(p:Checksum {path: '/usr/sbin/sshd'}) RETURN p.sha256"), ""), sum)
	var targets []string
	for _, line := range lines(s.tool("findmnt", "-n", "-l", "-o", "SOURCE,TARGET")) {
		// The graph has what is on a device; all else is the kernel's.
		if source, target, _ := strings.Cut(line, " "); strings.HasPrefix(source, "/dev/") {
			targets = append(targets, strings.TrimSpace(target))
		}
	}
	s.sets("graph", "mount ", s.told("mounts", me+"-[m:MOUNTS]->(:FileSystem) RETURN m.target"), slices.Compact(targets))
	s.listening(me)
	n := s.NICs("h01")[0]
	s.same("graph", "switch port", strings.Join(s.told("cable", me+"-[:HAS_NIC]->(n:NIC {ifname: 'eth0'})-[:CABLED_TO]->(p)<-[:HAS_PORT]-(w) RETURN w.name, p.port"), ", "), n.Switch+".lab "+lab.PortID(n.Port))
	s.sets("graph", "depends on ", s.told("dependencies", me+"-[:RUNS]->(c)-[:DEPENDS_ON]->(p:Process)<-[:RUNS]-(t:System) RETURN c.name, t.name, p.name"),
		[]string{"redis-cli h02 redis-server", "nanoprobe cma cma"})
}

// listening compares who listens where in the graph with ss.
func (s *subject) listening(me string) {
	var theirs []string
	for _, line := range lines(s.tool("ss", "-Hnltp")) {
		if f := strings.Fields("tcp " + line); len(f) > 5 {
			_, local, _, program, ok := socketLine(strings.Join(f, " "))
			if ok && program != "" {
				theirs = append(theirs, fmt.Sprintf("%s %d", program, local.Port()))
			}
		}
	}
	slices.Sort(theirs)
	s.sets("graph", "listens ", s.told("listeners", me+"-[:RUNS]->(p:Process)-[:LISTENS_ON]->(e:Endpoint {proto: 'tcp'}) RETURN p.name, e.port"), slices.Compact(theirs))
}
