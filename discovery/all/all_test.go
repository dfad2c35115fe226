package all

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/discovery"
)

// updating reports whether docs/discovery.md is to be written anew: by the flag
// that discoverytest has for its goldens.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

const page = "../../docs/discovery.md"

func TestEveryTypeIsInTheListOnceUnderItsFoldersName(t *testing.T) {
	seen := map[string]bool{}
	for _, typ := range Types {
		if seen[typ.Name] {
			t.Errorf("%s is in the list twice", typ.Name)
		}
		seen[typ.Name] = true
		if _, err := os.Stat(filepath.Join("..", typ.Name)); err != nil {
			t.Errorf("the type %s has no folder discovery/%s", typ.Name, typ.Name)
		}
		if found, ok := Find(typ.Name); !ok || found.Name != typ.Name {
			t.Errorf("%s cannot be found", typ.Name)
		}
		if p, ok := FindPlugin(typ.Name); !ok || p.Of.Name != typ.Name {
			t.Errorf("%s is not among the plugins; add &%s.Plugin to the list in all.go", typ.Name, typ.Name)
		}
	}
	if _, ok := Find("no such type"); ok {
		t.Error("a type that is not there was found")
	}
	if _, ok := FindPlugin("no such type"); ok {
		t.Error("a plugin that is not there was found")
	}
	if len(Plugins) != len(Types) {
		t.Errorf("%d plugins and %d types: each type has one", len(Plugins), len(Types))
	}
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	declares := regexp.MustCompile(`(?m)^var Type = discovery\.Type\{`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if name := filepath.Base(filepath.Dir(file)); declares.Match(text) && !seen[name] {
			t.Errorf("discovery/%s declares a type that is not in the list; add one line to all.go", name)
		}
	}
}

func TestTriggersThatTypesWaitForExist(t *testing.T) {
	known := []discovery.Trigger{discovery.Links, discovery.Addrs, discovery.Routes, discovery.Neighbors, discovery.Frames, discovery.Budgets, discovery.Sockets, discovery.Resumed}
	for _, typ := range Types {
		known = append(known, discovery.Changed(typ.Name))
	}
	for _, typ := range Types {
		for _, on := range typ.On {
			if !slices.Contains(known, on) {
				t.Errorf("%s waits for %q, which nobody fires", typ.Name, on)
			}
		}
	}
}

func TestThePageAboutDiscoveryTypesTellsWhatTheCodeDoes(t *testing.T) {
	text := write()
	if updating() {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatalf("%v (write it with go test ./discovery/all -update)", err)
	}
	if string(have) != text {
		t.Error("docs/discovery.md is not what the code says; write it anew with go test ./discovery/all -update, and read the difference")
	}
}

func TestEverythingTheOriginalDiscoveredHasASuccessorOrAReason(t *testing.T) {
	for _, o := range originals {
		if _, ok := Find(o.here); !ok && o.reason == "" {
			t.Errorf("the original's %s has neither a successor (%s is not in the list) nor a reason", o.name, o.here)
		}
	}
}

// originals are the discovery agents of the original implementation, and the
// types that tell the same here.
var originals = []struct{ name, here, reason string }{
	{"arpcache", "arp", ""},
	{"auditd_conf", "auditd", ""},
	{"checksums", "checksums", ""},
	{"commands", "commands", ""},
	{"cpu", "cpu", ""},
	{"docker", "containers", ""},
	{"fileattrs", "fileattrs", ""},
	{"findmnt", "mounts", ""},
	{"login_defs", "login_defs", ""},
	{"mdadm", "block", ""},
	{"monitoringagents", "monitoring_agents", ""},
	{"netconfig", "netconfig", ""},
	{"nsswitch", "nsswitch", ""},
	{"os", "os", ""},
	{"packages", "packages", ""},
	{"pam", "pam", ""},
	{"partitions", "block", ""},
	{"proc_sys", "proc_sys", ""},
	{"sshd", "sshd", ""},
	{"sudoers", "sudoers", ""},
	{"tcpdiscovery", "listeners", ""},
	{"ulimit", "ulimit", ""},
	{"upstart", "units", ""},
	{"vagrant", "", "Vagrant's machines are found as the virtual machines they are (type vm); its own list of them belongs to one person, not to the system. A site that wants it writes a program into discover.d."},
}

const head = `# Discovery types

<!-- written by go test ./discovery/all -update; edit the types, not this page -->

A nanoprobe looks at its system through discovery types. Each looks once at the start, then at its
interval, and within a second after something happens that it waits for. A document that equals the
one the CMA has is not sent. No type sends a packet.

A look at its interval has time: while one is under way the whole nanoprobe uses at most 2 % of a processor, so that
it takes some seconds on a full machine, and 90 seconds longer than at full speed at the very most. The first look,
one after something happened, and ` + "`nanoprobe discover`" + ` do not wait. Where something happens again and again, and a type
has used 250 ms of CPU for that (they come back in 100 s), its looks take their time as well: ` + "`assim status`" + ` tells of
it when it lasts for three minutes, and of a type that fails for one.

Try one without a CMA: ` + "`nanoprobe discover TYPE`" + `; list them: ` + "`nanoprobe discover --list`" + `.

`

const scripts = `
## Programs of your own

Any executable in ` + "`/etc/assim/discover.d`" + ` that prints one JSON object or list is a discovery type, with
the same schedule, limits, hashing and storage as those above. It belongs to root, nobody else can
write it, and its name is lower-case letters, digits and _ (what follows a dot is not part of it).

| it gets | it gives |
|---|---|
| ASSIM_TYPE, its name, and ASSIM_ARG_NAME for each argument, in the environment; the C locale; its own directory as working directory | exit code 0 and JSON on standard output; 69 when there is nothing of its kind here; anything else is an error with the first line of standard error |

A sibling file ` + "`NAME.toml`" + ` says more; all of it is optional:

| key | means | without it |
|---|---|---|
| short | one line for people | "what PROGRAM prints" |
| every | interval, at least 5s | 15m |
| files, on | files, and triggers (links, addrs, "changed listeners", ...), after whose change to run it | |
| time_limit | then it is killed with its children, at most 5m | 20s |
| output_limit | bytes | 1 MiB |
| nice | how much it steps back for others, 0 to 19 | 10 |
| secret | its documents are confidential | false |
| [args] | NAME = "value" of ASSIM_ARG_NAME | |
| [[node]] each, label, id, props | makes a node of each item of a list in the document | stored, and nothing in the graph |
| [[rel]] each, from, type, to, id, props | makes a relationship of each item; ends are written Label:id | |

` + "`each`" + ` is the path of a list ("volumes.disks": the disks of all volumes). Ids are templates: ` + "`{name}`" + ` is a field of
the item, ` + "`{a.b}`" + ` a field of a field, ` + "`{.}`" + ` the item itself, ` + "`{system}`" + ` the id of the system. Properties name a path each.
The CMA reads [[node]] and [[rel]] from its own ` + "`discover.d`" + `, never from a nanoprobe; a document can tell of its own System only.
See ` + "`examples/discover.d`" + ` for programs in sh, Python and Go.

Try both before anybody else sees them; the second command says which rules find nothing:

` + "```" + `
nanoprobe discover NAME -scripts ./discover.d
nanoprobe discover NAME -scripts ./discover.d -json | assim graph NAME -scripts ./discover.d
` + "```" + `

Nanoprobes and the CMA read their directories when they start. After a new program restart the nanoprobe
(an unchanged system sends hashes only), after a new or changed mapping the CMA; ` + "`assim reindex`" + ` applies a
changed mapping to the documents that are stored already. Where configuration management pushes programs into
a directory of its own, ` + "`-scripts /etc/assim/discover.d:/srv/site/discover.d`" + ` names both; of two programs of
one name the first counts.
`

// write makes the page.
func write() string {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("| type | what | every | and after |\n|---|---|---|---|\n")
	types := slices.Clone(Types)
	slices.SortFunc(types, func(a, b discovery.Type) int { return strings.Compare(a.Name, b.Name) })
	for _, typ := range types {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", typ.Name, typ.Name, cell(typ.Short), interval(typ.Every), cell(after(typ)))
	}
	for _, typ := range types {
		plugin, _ := FindPlugin(typ.Name)
		describe(&b, typ, plugin.About)
	}
	b.WriteString(scripts)
	b.WriteString("\n## What became of the original's agents\n\n| original | here |\n|---|---|\n")
	for _, o := range originals {
		here := o.here
		if o.reason != "" {
			here = o.reason
		}
		fmt.Fprintf(&b, "| %s | %s |\n", o.name, here)
	}
	b.WriteString("\nWhat differs from them, and what is not looked at and why, is in [discovery-successors.md](discovery-successors.md).\n")
	return b.String()
}

func describe(b *strings.Builder, typ discovery.Type, about discovery.About) {
	fmt.Fprintf(b, "\n## %s\n\n%s.\n\n", typ.Name, strings.TrimSuffix(typ.Short, "."))
	for _, r := range about.Reads {
		fmt.Fprintf(b, "- reads %s\n", r)
	}
	for _, n := range typ.Needs {
		fmt.Fprintf(b, "- wants %s\n", n)
	}
	if typ.Secret {
		b.WriteString("- its documents are confidential: they travel over TLS only and are not shown to everybody\n")
	}
	if about.Graph != "" {
		fmt.Fprintf(b, "- makes `%s`\n", about.Graph)
	}
	if len(about.Keys) == 0 {
		return
	}
	b.WriteString("\n| key | meaning |\n|---|---|\n")
	for _, k := range about.Keys {
		fmt.Fprintf(b, "| %s | %s |\n", cell(k.Key), cell(k.Meaning))
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// interval writes 1h, not 1h0m0s.
func interval(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	text := d.String()
	text = strings.TrimSuffix(text, "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	if text == "" || text[len(text)-1] >= '0' && text[len(text)-1] <= '9' {
		return d.String()
	}
	return text
}

func after(typ discovery.Type) string {
	var list []string
	for _, on := range typ.On {
		list = append(list, string(on))
	}
	for _, f := range typ.Files {
		list = append(list, "/"+strings.TrimPrefix(f, "/"))
	}
	return strings.Join(list, ", ")
}
