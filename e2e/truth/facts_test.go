package truth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the comparison must reach.
const (
	leastEqual = 99.0 // percent of all facts
	// leastNamed is how many facts there must be when no type counts for more than
	// mostOfType: a thousand settings of the kernel are not a thousand proofs.
	leastNamed = 120
	mostOfType = 12
)

// fact is one named thing, and what both sides say of it; nothing is "-".
type fact struct{ typ, name, ours, theirs string }

// facts collects them.
type facts struct {
	t    *testing.T
	list []fact
}

// same notes a fact.
func (f *facts) same(typ, name string, ours, theirs any) {
	text := func(v any) string {
		if s := fmt.Sprint(v); s != "" && s != "<nil>" {
			return s
		}
		return "-"
	}
	f.list = append(f.list, fact{typ, name, text(ours), text(theirs)})
}

// alike notes a fact for every name that either side has.
func (f *facts) alike(typ, prefix string, ours, theirs map[string]string) {
	names := maps.Clone(ours)
	maps.Copy(names, theirs)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f.same(typ, prefix+name, ours[name], theirs[name])
	}
}

// sets notes a fact for every element that either side has.
func (f *facts) sets(typ, prefix string, ours, theirs []string) {
	f.alike(typ, prefix, there(ours), there(theirs))
}

func there(list []string) map[string]string {
	m := map[string]string{}
	for _, x := range list {
		m[x] = "there"
	}
	return m
}

// because is why facts of which the expression matches "type name" differ.
type because struct{ what, why string }

// leftOut are what a document leaves out by a rule that it is documented to
// have. They are counted, and are no facts; what is there all the same is one.
var leftOut = []because{
	{`^proc_sys (fs\.(dentry-state|file-nr|inode-nr|inode-state|aio-nr|quota\.)|fs\.binfmt_misc|kernel\.(ns_last_pid|cad_pid|pty\.nr|perf_event_max_sample_rate|hung_task_detect_count|hung_task_warnings|random\.|keys\.gc_delay|tainted)|net\.netfilter\.nf_conntrack_count)`,
		"it changes by itself"},
	{`^proc_sys net\.ipv4\.route\.flush|^proc_sys vm\.(stat_refresh|compact_memory|drop_caches)`, "it is no setting; to write it does something"},
	{`^proc_sys net\.(ipv4|ipv6|mpls)\.(conf|neigh)\.(veth|dummy|tap|vxlan)`, "the interface is of those that come and go with containers"},
	{`^proc_sys net\..*(stable_secret|fastopen_key)`, "it is a secret"},
	{`^proc_sys net\.ipv[46]\.neigh\..*\.(base_reachable_time|retrans_time)$`, "the setting with _ms says it finer"},
	{`^block zram\d+ `, "a device without a size holds nothing"},
	{`^graph (NIC|address) lo `, "who is only there for himself is not in the graph"},
	{`^netconfig routes (224\.|ff)`, "a multicast route leads to no system"},
}

// explained are differences that are meant.
var explained = []because{
	{`^netconfig addresses br0 .* (host|global)$`, "a bridge without a card leads nowhere: its addresses mean something on this system only"},
	{`^commands /usr/bin/X11$`, "a link counts as a command without a look at where it leads, here to a directory"},
}

func reason(list []because, d fact) string {
	for _, e := range list {
		if regexp.MustCompile(e.what).MatchString(d.typ + " " + d.name) {
			return e.why
		}
	}
	return ""
}

// judge prints the table and fails the test where it must.
func (f *facts) judge(leastNamed int) {
	f.t.Helper()
	equal, all, left := map[string]int{}, map[string]int{}, map[string]int{}
	var differences []fact
	facts := 0
	for _, x := range f.list {
		if why := reason(leftOut, x); x.ours == "-" && why != "" {
			left[x.typ+": "+why]++
			continue
		}
		facts++
		all[x.typ]++
		if x.ours == x.theirs {
			equal[x.typ]++
		} else {
			differences = append(differences, x)
		}
	}
	var table strings.Builder
	named, sum := 0, 0
	for _, typ := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&table, "\n%6d of %6d equal  %s", equal[typ], all[typ], typ)
		named += min(all[typ], mostOfType)
		sum += equal[typ]
	}
	for _, d := range differences {
		why := reason(explained, d)
		if why == "" {
			f.t.Errorf("%s: %s: we say %.300q, the tool says %.300q, and no reason is known", d.typ, d.name, d.ours, d.theirs)
			continue
		}
		fmt.Fprintf(&table, "\n  differs: %s %s: we say %.80q, the tool says %.80q: %s", d.typ, d.name, d.ours, d.theirs, why)
	}
	for _, why := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(&table, "\n  left out: %d of %s", left[why], why)
	}
	share := 100 * float64(sum) / float64(max(facts, 1))
	f.t.Logf("%d facts of %d types, %.2f %% equal; %d when no type counts for more than %d%s", facts, len(all), share, named, mostOfType, table.String())
	if share < leastEqual {
		f.t.Errorf("%.2f %% of the facts are equal, want %v %%", share, leastEqual)
	}
	if named < leastNamed {
		f.t.Errorf("%d facts when no type counts for more than %d, want %d", named, mostOfType, leastNamed)
	}
}

// decode reads JSON that a tool printed.
func decode[T any](t *testing.T, from string, text []byte) T {
	t.Helper()
	var v T
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%s: %v: %.200s", from, err, text)
	}
	return v
}

// lines are the lines of a text, without blanks around and empty ones.
func lines(text []byte) []string {
	var list []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// documents reads JSON documents that follow one another.
func documents[T any](t *testing.T, r *strings.Reader) []T {
	t.Helper()
	var list []T
	for dec := json.NewDecoder(r); dec.More(); {
		var v T
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}
