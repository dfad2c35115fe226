package script

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"assim/graph"
)

func dirFS(dir string) fs.FS { return os.DirFS(dir) }

func TestProgramsAndMappingsMayLieInSeveralDirectories(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	write(t, first, "a", "#!/bin/sh\necho '{}'\n", 0o755)
	write(t, second, "a", "#!/bin/sh\necho '[]'\n", 0o755)
	write(t, second, "b", "#!/bin/sh\necho '[]'\n", 0o755)
	write(t, second, "b.toml", "[[node]]\nlabel = \"B\"\nid = \"{system}/{x}\"\n", 0o644)
	dirs := first + Separator + second + Separator + "/no/such/directory"
	types, problems := TypesIn(dirs, dirFS)
	if len(types) != 2 || types[0].Name != "a" || types[1].Name != "b" || !strings.Contains(types[0].Short, first) {
		t.Errorf("types %v", types)
	}
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), "the type a is in "+first+" already") {
		t.Errorf("problems %v", problems)
	}
	mappings, problems := MappingsIn(dirs, dirFS)
	if len(mappings) != 1 || len(problems) != 0 {
		t.Fatalf("%d mappings, problems %v", len(mappings), problems)
	}
	c, err := mappings["b"](graph.Key{Label: graph.System, ID: "n-1"}, []byte(`{"x":1}`))
	if err != nil || len(c.Nodes) != 1 || c.Nodes[0].Key.ID != "n-1/1" {
		t.Errorf("%v, %v", c.Nodes, err)
	}
	if lost, err := LostIn(dirs, "b", dirFS, []byte(`{"y":1}`)); err != nil || len(lost) != 1 {
		t.Errorf("lost %q, %v", lost, err)
	}
}
