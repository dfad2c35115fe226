package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assim/event"
)

// nobody is the number of the user and group without any permission.
const nobody = 65534

// A nanoprobe that may nothing says what it cannot see, sees the rest, and is
// in its rings like everybody else.
func TestANanoprobeWithoutPrivilegesWorksAndSaysWhatItCannotSee(t *testing.T) {
	t.Parallel()
	for name, user := range map[string][]string{
		"root without capabilities": {"setpriv", "--bounding-set=-all", "--inh-caps=-all"},
		"an ordinary user":          {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := build(t, rack)
			data := w.DataDir("h02", "nanoprobe")
			if err := os.MkdirAll(data, 0o755); err != nil {
				t.Fatal(err)
			}
			for dir := data; dir != w.Lab.Dir; dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if strings.Contains(name, "user") {
				if err := os.Chown(data, nobody, nobody); err != nil {
					t.Fatal(err)
				}
			}
			join, err := w.Join(within(t, patience))
			if err != nil {
				t.Fatal(err)
			}
			// Port 1984 needs no privilege.
			poor, err := w.Lab.Start("h02", append(user, filepath.Join(w.Bin, "nanoprobe"), "-data", data, "-join", join)...)
			if err != nil {
				t.Fatal(err)
			}
			for _, system := range []string{"cma", "h01", "h03", "h04"} {
				if _, err := w.StartProbe(within(t, patience), system); err != nil {
					t.Fatal(err)
				}
			}
			w.allUp()
			for _, sight := range []string{"CAP_NET_RAW", "CAP_SYS_PTRACE"} {
				if err := poor.WaitFor(within(t, patience), sight); err != nil {
					t.Error(err)
				}
			}
			// It discovers what anybody may see.
			w.wants("its system is known", `MATCH (s:System {name: 'h02'})-[:HAS_NIC]->(n:NIC {ifname: 'eth0'})-[:HAS_IP]->(a:IPAddr)
				WHERE s.os IS NOT NULL RETURN DISTINCT s.name, n.mac`, [][]any{{"h02", w.NICs("h02")[0].MAC}})
			w.until("it has neighbors", func() error {
				rows, err := w.ask("MATCH (:System {name: 'h02'})-[:WATCHES]-(n:System) RETURN DISTINCT n.name")
				if err == nil && len(rows) == 0 {
					err = errSilent
				}
				return err
			})
			w.calm()
			before := w.events()
			if err := w.RemoveSystem("h02"); err != nil {
				t.Fatal(err)
			}
			w.happens(before, event.SystemDead, "h02")
			for _, e := range w.since(before) {
				if e.Kind == event.SystemDead && e.Name != "h02" {
					t.Errorf("told dead: %s", e.Text)
				}
			}
		})
	}
}
