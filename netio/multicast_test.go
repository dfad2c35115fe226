package netio

import (
	"net/netip"
	"os"
	"os/exec"
	"testing"
)

const insideEnv = "ASSIM_NETIO_TEST_INSIDE"

// TestGroupReachesItsMembers runs itself again in a network namespace of its
// own, with one cable.
func TestGroupReachesItsMembers(t *testing.T) {
	if os.Getenv(insideEnv) == "" {
		script := "set -e; ip link set lo up; ip link add m0 type veth peer name m1; " +
			"ip addr add 10.198.4.1/24 dev m0; ip -6 addr add fd00:1984::1/64 dev m0 nodad; " +
			"ip link set m0 up; ip link set m1 up; " +
			// A new cable has no carrier for a moment, and no route until then.
			"for i in $(seq 200); do ip -o link show dev m0 | grep -q 'state UP' && ip -6 route get ff05::1984 oif m0 >/dev/null 2>&1 && break; sleep 0.05; done; exec " +
			os.Args[0] + " -test.run=^TestGroupReachesItsMembers$ -test.v"
		cmd := exec.Command("unshare", "-n", "sh", "-c", script)
		cmd.Env = append(os.Environ(), insideEnv+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil && os.Geteuid() != 0 {
			t.Skip("multicast is not shown: only root makes network namespaces")
		}
		if err != nil {
			t.Fatalf("in the namespace: %v\n%s", err, out)
		}
		return
	}
	for _, group := range []string{"224.0.2.5", "ff05::1984"} {
		u := listen(t, Options{})
		if n, err := u.Join(netip.MustParseAddr(group)); err != nil || n != 2 {
			t.Fatalf("%s: joined on %d interfaces: %v", group, n, err)
		}
		if n, err := u.Join(netip.MustParseAddr(group)); err != nil || n != 2 {
			t.Fatalf("%s: joined again on %d interfaces: %v", group, n, err)
		}
		peer := listen(t, Options{})
		if n, err := peer.WriteGroup([]byte("hello"), netip.AddrPortFrom(netip.MustParseAddr(group), u.Port())); err != nil || n == 0 {
			t.Fatalf("%s: left by %d interfaces: %v", group, n, err)
		}
		p := receive(t, u, 1)[0]
		if !p.Multicast() || p.Local != netip.MustParseAddr(group) || string(p.Data) != "hello" {
			t.Fatalf("got %q to %s", p.Data, p.Local)
		}
		// Answered to the sender, from whatever address is right.
		if err := u.Write(Packet{Data: []byte("here"), Peer: p.Peer}); err != nil {
			t.Fatal(err)
		}
		if p := receive(t, peer, 1)[0]; string(p.Data) != "here" {
			t.Fatalf("answered %q", p.Data)
		}
	}
}
