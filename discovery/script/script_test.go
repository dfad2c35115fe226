package script

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/graph"
	"assim/host"
)

var me = graph.Key{Label: graph.System, ID: "n-1"}

// write makes an executable (or, with another mode, a file) in dir.
func write(t *testing.T, dir, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// only is the one type that the programs in dir make.
func only(t *testing.T, dir string) discovery.Type {
	t.Helper()
	types, problems := Types(os.DirFS(dir), dir)
	if len(types) != 1 || len(problems) != 0 {
		t.Fatalf("%d types, problems %v", len(types), problems)
	}
	return types[0]
}

func TestWhatAProgramPrintsIsItsDocument(t *testing.T) {
	for name, c := range map[string]struct {
		program, settings string
		doc               string
		err               string // or what the error says
	}{
		"a document":        {`echo '{"b": 2, "a": [1.0]}'`, "", `{"a":[1],"b":2}`, ""},
		"its arguments":     {`echo "[\"$ASSIM_ARG_URL $ASSIM_TYPE\"]"`, "[args]\nURL = \"http://x\"", `["http://x probe"]`, ""},
		"its own directory": {`cat ./data`, "", `{}`, ""},
		"nothing here":      {`exit 69`, "", "", "nothing of this kind here"},
		"an error":          {`echo "no database" >&2; exit 1`, "", "", "exit status 1: no database"},
		"nothing printed":   {`true`, "", "", "printed nothing"},
		"no JSON":           {`echo hello`, "", "", "not JSON"},
		"a bare number":     {`echo 12`, "", "", "an object or a list"},
		"too much":          {`yes '{}'`, "output_limit = 1000", "", "more output than the limit"},
		"too long":          {`sleep 60`, `time_limit = "100ms"`, "", "no end in 100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "probe.sh", "#!/bin/sh\n"+c.program+"\n", 0o755)
			write(t, dir, "data", "{}", 0o644)
			if c.settings != "" {
				write(t, dir, "probe.toml", c.settings, 0o644)
			}
			payload, err := only(t, dir).Collect(t.Context(), host.New("/"))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				if (name == "nothing here") != errors.Is(err, discovery.ErrNotHere) {
					t.Errorf("%v: is it ErrNotHere?", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			doc, _, err := discovery.Canonical(payload)
			if err != nil || string(doc) != c.doc {
				t.Errorf("document %s, %v; want %s", doc, err, c.doc)
			}
		})
	}
}

func TestOnOtherRootFileSystemsNothingIsRun(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "probe", "#!/bin/sh\necho '{}'\n", 0o755)
	if _, err := only(t, dir).Collect(t.Context(), host.New(dir)); !errors.Is(err, discovery.ErrNotHere) {
		t.Errorf("it says %v", err)
	}
}

func TestProgramsThatCannotBeTrustedOrNamedAreRefusedWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		mode os.FileMode
		toml string
		want string // in the problem; empty = no problem and no type
	}{
		"writable by others":  {"probe", 0o777, "", "chmod go-w"},
		"name":                {"My-Probe", 0o755, "", "cannot name a discovery type"},
		"not executable":      {"probe", 0o644, "", "chmod +x"},
		"hidden":              {".probe", 0o755, "", ""},
		"unknown key":         {"probe", 0o755, "evry = \"1m\"", "nobody knows"},
		"too often":           {"probe", 0o755, "every = \"1s\"", "less than 5s"},
		"too long":            {"probe", 0o755, "time_limit = \"1h\"", "more than 5m"},
		"argument":            {"probe", 0o755, "[args]\n\"a=b\" = \"x\"", "capital letters"},
		"another system":      {"probe", 0o755, "[[node]]\nlabel = \"System\"\nid = \"{name}\"", "another system"},
		"relation to another": {"probe", 0o755, "[[rel]]\nfrom = \"System:{system}\"\ntype = \"X\"\nto = \"System:n-2\"", "another system"},
		"type in lower case":  {"probe", 0o755, "[[rel]]\nfrom = \"System:{system}\"\ntype = \"has\"\nto = \"X:1\"", "verb in capitals"},
		"label":               {"probe", 0o755, "[[node]]\nlabel = \"a b\"\nid = \"x\"", "not a label"},
		"property":            {"probe", 0o755, "[[node]]\nlabel = \"A\"\nid = \"x\"\nprops = { \"A b\" = \"c\" }", "not a property"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.file, "#!/bin/sh\necho '{}'\n", c.mode)
			if c.toml != "" {
				write(t, dir, "probe.toml", c.toml, 0o644)
			}
			types, problems := Types(os.DirFS(dir), dir)
			if len(types) != 0 {
				t.Errorf("it makes the type %s", types[0].Name)
			}
			if c.want == "" && len(problems) > 0 || c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), c.want)) {
				t.Errorf("problems %v, want %q", problems, c.want)
			}
		})
	}
	dir := t.TempDir()
	write(t, dir, "README", "What is in here.\n", 0o644)
	if types, problems := Types(os.DirFS(dir), dir); types != nil || problems != nil {
		t.Errorf("a text beside programs is %v, %v", types, problems)
	}
	if types, problems := Types(os.DirFS("/no/such/directory"), "/no/such/directory"); types != nil || problems != nil {
		t.Errorf("a directory that is not there holds %v, %v", types, problems)
	}
}

func TestAMappingMakesNodesAndRelationshipsWithoutCompiling(t *testing.T) {
	found, problems := Mappings(fstest.MapFS{"pool.toml": {Data: []byte(`
[[node]]
label = "Pool"
id = "{system}/{name}"
props = { name = "name", size_bytes = "stats.size", tags = "tags", gone = "nobody" }
[[node]]
each = "volumes.disks"
label = "Disk"
id = "{serial}"
props = { healthy = "ok", serial = "serial" }
[[rel]]
each = "volumes.disks"
from = "System:{system}"
type = "HAS_DISK"
to = "Disk:{serial}"
props = { slot = "slot" }
[[node]]
each = "tags"
label = "Tag"
id = "{.}"
`)}, "plain.toml": {Data: []byte(`every = "1h"`)}, "bad.toml": {Data: []byte(`[[node]]`)}})
	if len(problems) != 1 || len(found) != 1 {
		t.Fatalf("%d mappings, problems %v", len(found), problems)
	}
	change, err := found["pool"](me, []byte(`{"name":"tank","stats":{"size":9007199254740993},"tags":["a","b"],
		"volumes":[{"disks":[{"serial":"S1","ok":true,"slot":1},{"slot":2}]},{"disks":[{"serial":"S2","ok":false,"slot":3},{"serial":"S1"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `(Disk:S1) {"healthy":true,"serial":"S1"}
(Disk:S2) {"healthy":false,"serial":"S2"}
(Pool:n-1/tank) {"name":"tank","size_bytes":9007199254740993,"tags":["a","b"]}
(System:n-1)-[:HAS_DISK {"slot":1}]->(Disk:S1)
(System:n-1)-[:HAS_DISK {"slot":3}]->(Disk:S2)
(Tag:a)
(Tag:b)
`
	if got := discoverytest.Text(change); got != want {
		t.Errorf("made\n%s\nwant\n%s", got, want)
	}
	list, err := found["pool"](me, []byte(`[{"name":"a"},{"name":"b"}]`))
	if err != nil || len(list.Nodes) != 2 {
		t.Errorf("a list makes %d nodes, %v; want 2", len(list.Nodes), err)
	}
	for _, garbage := range []string{"", "12", "{", `"x"`, "null"} {
		if _, err := found["pool"](me, []byte(garbage)); err == nil {
			t.Errorf("%q is taken for a document", garbage)
		}
	}
}

func TestADocumentCannotMakeMoreThanItsLimit(t *testing.T) {
	s, err := Parse("x", "[[node]]\neach = \"l\"\nlabel = \"X\"\nid = \"{.}\"")
	if err != nil {
		t.Fatal(err)
	}
	var doc strings.Builder
	doc.WriteString(`{"l":[0`)
	for i := range maxMade + 10 {
		fmt.Fprintf(&doc, ",%d", i+1)
	}
	doc.WriteString("]}")
	if c, err := s.Graph()(me, []byte(doc.String())); err == nil {
		t.Errorf("it made %d nodes", len(c.Nodes))
	}
}

func FuzzMapping(f *testing.F) {
	f.Add("[[node]]\nlabel = \"A\"\nid = \"{a.b}\"\nprops = { x = \"c\" }\n[[rel]]\neach=\"l\"\nfrom = \"System:{system}\"\ntype = \"HAS\"\nto = \"A:{.}\"", []byte(`{"a":{"b":1},"c":[1,"x",null],"l":[1,2,[3]]}`))
	f.Fuzz(func(t *testing.T, settings string, doc []byte) {
		s, err := Parse("x", settings)
		if err != nil || s.Graph() == nil {
			return
		}
		c, err := s.Graph()(me, doc)
		if err != nil {
			return
		}
		for _, n := range c.Nodes {
			if n.Key.Label == graph.System && n.Key != me {
				t.Errorf("it tells of %s", n.Key)
			}
		}
	})
}

// TestTheExamplesWork runs the programs that are shown to authors.
func TestTheExamplesWork(t *testing.T) {
	const examples = "../../examples/discover.d"
	dir, site := t.TempDir(), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(examples)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"certificates", "python_apps"} { // a checkout may be group-writable
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "gitrepos"), "../../examples/gitrepos").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pointAt(t, dir, site)
	furnish(t, site)
	types, problems := Types(os.DirFS(dir), dir)
	if len(problems) > 0 || len(types) != 3 {
		t.Fatalf("%d types, problems %v", len(types), problems)
	}
	mappings, problems := Mappings(os.DirFS(dir))
	if len(problems) > 0 || len(mappings) != 3 {
		t.Fatalf("%d mappings, problems %v", len(mappings), problems)
	}
	for name, want := range map[string][]string{
		"certificates": {`(Certificate:`, `"subject":"CN=web.example"`, `-[:HOLDS `},
		"python_apps":  {`(PythonEnvironment:n-1/` + site + `/app/venv) {`, `"python":"3.11.2"`},
		"gitrepos": {`(Checkout:n-1/` + site + `/code) {"branch":"main","commit":"c0ffee","path":"` + site + `/code"}`,
			`-[:CLONED_FROM]->(GitOrigin:https://git.example/code.git)`},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "certificates" {
				needs(t, "openssl")
			}
			if name == "python_apps" {
				needs(t, "python3")
			}
			i := indexOf(types, name)
			payload, err := types[i].Collect(t.Context(), host.New("/"))
			if err != nil {
				t.Fatal(err)
			}
			doc, _, err := discovery.Canonical(payload)
			if err != nil {
				t.Fatal(err)
			}
			change, err := mappings[name](me, doc)
			if err != nil {
				t.Fatal(err)
			}
			text := discoverytest.Text(change)
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%s is missing in\n%s\nmade of %s", w, text, doc)
				}
			}
		})
	}
}

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed; the example is not run", program)
	}
}

func indexOf(types []discovery.Type, name string) int {
	for i, t := range types {
		if t.Name == name {
			return i
		}
	}
	return 0
}

// pointAt gives the examples another place to look at.
func pointAt(t *testing.T, dir, site string) {
	t.Helper()
	files, err := fs.Glob(os.DirFS(dir), "*.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for l := range strings.Lines(string(text)) {
			if strings.HasPrefix(l, "DIRS = ") {
				l = "DIRS = \"" + site + "\"\n"
			}
			lines = append(lines, l)
		}
		write(t, dir, file, strings.Join(lines, ""), 0o644)
	}
}

// furnish makes a certificate, a virtual environment and a checkout.
func furnish(t *testing.T, site string) {
	t.Helper()
	for name, text := range map[string]string{
		"app/venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.11.2\n",
		"app/venv/lib/python3.11/site-packages/flask-3.0.dist-info/METADATA": "",
		"code/.git/HEAD":            "ref: refs/heads/main\n",
		"code/.git/refs/heads/main": "c0ffee\n",
		"code/.git/config":          "[remote \"origin\"]\n\turl = https://git.example/code.git\n",
	} {
		path := filepath.Join(site, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Dir(path), filepath.Base(path), text, 0o644)
	}
	if _, err := exec.LookPath("openssl"); err == nil {
		out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
			"-subj", "/CN=web.example", "-keyout", filepath.Join(site, "key.pem"), "-out", filepath.Join(site, "web.crt")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}
