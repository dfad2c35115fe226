package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assim/e2e/lab"
)

// granted are the capabilities that the nanoprobe's unit gives it.
func granted(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../packaging/nanoprobe.service")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if list, ok := strings.CutPrefix(line, "AmbientCapabilities="); ok {
			return strings.Fields(list)
		}
	}
	t.Fatal("the unit grants no capabilities")
	return nil
}

// with is the command that runs a program as nobody with capabilities and no
// others, where the kernel's trace files are mounted as systemd does it.
func with(caps []string, program ...string) []string {
	set := "-all"
	for _, c := range caps {
		set += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	return append([]string{"unshare", "--mount", "sh", "-c", `mount -t tracefs none /sys/kernel/tracing && exec "$@"`, "sh",
		"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs",
		"--inh-caps=" + set, "--ambient-caps=" + set, "--bounding-set=" + set}, program...)
}

// ownedBy makes the data directory of a nanoprobe that of an ordinary user.
func (w *world) ownedBy(system string, uid int) string {
	w.t.Helper()
	data := w.DataDir(system, "nanoprobe")
	if err := os.MkdirAll(data, 0o755); err != nil {
		w.t.Fatal(err)
	}
	for dir := data; dir != w.Lab.Dir; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.Chown(data, uid, uid); err != nil {
		w.t.Fatal(err)
	}
	return data
}

// sight is something that is seen by some capabilities.
type sight struct {
	what  string
	needs []string
	sees  func(w *world, p *lab.Process) (bool, error)
}

// sights is the table of SECURITY.md.
var sights = []sight{
	{"the switch it is plugged into", []string{"CAP_NET_RAW"}, seesItsSwitch},
	{"which process of another user listens", []string{"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"}, seesWhoListens},
	{"files that root only may read", []string{"CAP_DAC_READ_SEARCH"}, readsWhatRootMay},
	{"connections that are gone at once", []string{"CAP_PERFMON", "CAP_DAC_READ_SEARCH"}, hearsOfBriefOnes},
}

// With what its unit grants, and as a user of its own, a nanoprobe sees all of
// this; without one capability it lacks just what that is for.
func TestEachCapabilityOfTheUnitIsForWhatIsSaid(t *testing.T) {
	t.Parallel()
	caps := granted(t)
	manual, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	systems := map[string]string{"all": ""} // by name: what it lacks
	plan := "switch sw1\ncma cma sw1\nsystem all sw1\n"
	for i, c := range caps {
		if !slices.ContainsFunc(sights, func(s sight) bool { return slices.Contains(s.needs, c) }) || !strings.Contains(string(manual), c) {
			t.Errorf("nothing shows what %s is for, or SECURITY.md does not say it", c)
		}
		name := fmt.Sprintf("no%d", i)
		systems[name] = c
		plan += "system " + name + " sw1\n"
	}
	w := build(t, plan)
	join, err := w.Join(within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	probes := map[string]*lab.Process{}
	for name, lacks := range systems {
		if _, err := w.Redis(name, 6379); err != nil { // root's
			t.Fatal(err)
		}
		has := slices.DeleteFunc(slices.Clone(caps), func(c string) bool { return c == lacks })
		p, err := w.Lab.Start(name, with(has, filepath.Join(w.Bin, "nanoprobe"), "-data", w.ownedBy(name, nobody), "-join", join)...)
		if err != nil {
			t.Fatal(err)
		}
		probes[name] = p
	}
	w.until("all are up", func() error { return w.status("up", slices.Collect(maps.Keys(systems))...) })
	for name, lacks := range systems {
		for _, s := range sights {
			w.until(fmt.Sprintf("%s, which lacks %q, and %s", name, lacks, s.what), func() error {
				saw, err := s.sees(w, probes[name])
				if err == nil && saw == slices.Contains(s.needs, lacks) {
					err = fmt.Errorf("seen: %v", saw)
				}
				return err
			})
		}
	}
}

func seesItsSwitch(w *world, p *lab.Process) (bool, error) {
	rows, err := w.ask("MATCH (s:System)-[:HAS_NIC]->(:NIC)-[:CABLED_TO]->(p:SwitchPort) WHERE s.name = '" + p.System + "' RETURN p.port")
	return len(rows) > 0, err
}

// document reads a document into v, and waits for it.
func (w *world) document(system, typ string, v any) error {
	out, err := w.Assim(within(w.t, patience), "docs", system, typ, "-json")
	if err != nil {
		return err
	}
	var docs []struct{ JSON json.RawMessage }
	if err := json.Unmarshal(out, &docs); err != nil || len(docs) == 0 {
		return fmt.Errorf("%w: %s", err, out)
	}
	return json.Unmarshal(docs[0].JSON, v)
}

func seesWhoListens(w *world, p *lab.Process) (bool, error) {
	var d struct {
		Listeners []struct {
			Port    int
			Process string
		}
	}
	if err := w.document(p.System, "listeners", &d); err != nil {
		return false, err
	}
	for _, l := range d.Listeners {
		if l.Port == 6379 {
			return !strings.HasPrefix(l.Process, "unknown/"), nil
		}
	}
	return false, fmt.Errorf("redis is not among the listeners of %s", p.System)
}

func readsWhatRootMay(w *world, p *lab.Process) (bool, error) {
	var d struct {
		Groups []any
		Errors []string
	}
	if err := w.document(p.System, "users", &d); err != nil {
		return false, err
	}
	if len(d.Groups) == 0 {
		return false, fmt.Errorf("%s has no groups", p.System)
	}
	return len(d.Errors) == 0, nil
}

// Here the nanoprobe itself says what it lacks, at its start, and is believed.
func hearsOfBriefOnes(w *world, p *lab.Process) (bool, error) {
	if !strings.Contains(p.Output(), "nanoprobe runs") {
		return false, fmt.Errorf("%s has not started", p.System)
	}
	return !strings.Contains(p.Output(), "Connections shorter than"), nil
}
