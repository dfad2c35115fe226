package tidy

import (
	"fmt"
	"slices"
	"strings"
)

// layer is a floor of the building in ARCHITECTURE.md. Arrows only go down.
type layer uint8

const (
	unknown     layer = iota
	vocabulary        // 1 nouns and bytes, standard library only
	core              // 2 pure state machines
	composition       // 2b pure: cores put together
	plugin            // 3 one folder per discovery type
	list              // 4 the one list of plugins
	adapter           // 5 one outside thing each
	daemon            // 6 goroutines, clocks, logs
	face              // 6 what people and programs see
	command           // mains: wiring only
	proof             // what shows that the rest is right; nothing imports it
)

var layerNames = map[layer]string{
	vocabulary:  "vocabulary",
	core:        "a core",
	composition: "a composition of cores",
	plugin:      "a discovery type",
	list:        "the list of discovery types",
	adapter:     "an adapter",
	daemon:      "a daemon",
	face:        "a face",
	command:     "a main",
	proof:       "a proof",
}

// may says which layers a layer imports. Its own subfolders and parents it may
// always import; a proof may import everything.
var may = map[layer][]layer{
	vocabulary:  {vocabulary},
	core:        {vocabulary},
	composition: {vocabulary, core},
	plugin:      {vocabulary, core},
	list:        {vocabulary, core, plugin},
	adapter:     {vocabulary, core},
	daemon:      {vocabulary, core, composition, list, adapter},
	face:        {vocabulary, core, composition},
	command:     {vocabulary, core, composition, plugin, list, adapter, daemon, face},
}

// place puts a folder on a floor. "x/*" means the folders right below x; a
// longer pattern wins over a shorter one.
type place struct {
	folder string
	layer  layer
	pure   bool
}

// places is the map of the tree. A folder that is not on it is a finding: new
// rooms are drawn here and in ARCHITECTURE.md first.
var places = []place{
	{"wire", vocabulary, true},
	{"graph", vocabulary, true},
	{"event", vocabulary, true},
	{"version", vocabulary, true},
	{"admin", vocabulary, true},
	{"agenda", vocabulary, true},

	{"heartbeat", core, true},
	{"ring", core, true},
	{"verdict", core, true},
	{"session", core, true},
	{"discovery", core, true},
	{"lrm", core, true},
	{"monitor", core, true},
	{"audit", core, true},
	{"query", core, true},
	{"alert", core, true},

	{"member", composition, true},
	{"authority", composition, true},
	{"trust", composition, true},

	{"discovery/*", plugin, true},
	{"discovery/all", list, true},
	{"discovery/proc", core, true},   // reads /proc for the types that need processes
	{"discovery/conf", core, true},   // reads settings files for the types that have some
	{"discovery/inode", core, true},  // reads what a file system knows of a file
	{"discovery/script", list, true}, // makes types of a site's own programs
	{"discovery/discoverytest", proof, false},

	{"netio", adapter, false},
	{"netio/*", adapter, false},
	{"host", adapter, false},
	{"trust/bulk", adapter, false},
	{"config", adapter, false},
	{"graph/*", adapter, false},
	{"graph/graphtest", proof, false},
	{"lrm/*", adapter, false},
	{"alert/*", adapter, false},

	{"nanoprobe", daemon, false},
	{"cma", daemon, false},
	{"api", face, false},
	{"ui", face, false},

	{"cmd/*", command, false},
	{"examples/*", command, false},

	{"sim", proof, false},
	{"estate", proof, false},
	{"e2e", proof, false},
	{"bench", proof, false},
	{"internal", proof, false},
}

// exceptions are imports that break the floors for a reason. The key is
// "importer -> imported".
var exceptions = map[string]string{
	"query -> graph/cypher":                           "a canned query is checked against the grammar that runs it",
	"api -> graph/cypher":                             "a person's query is compiled before it is run",
	"api -> trust/bulk":                               "an operator recognizes the CMA by its pin, as a nanoprobe does",
	"discovery/conf -> discovery":                     "it speaks of the Host that discovery defines",
	"discovery/inode -> discovery":                    "it speaks of the Host that discovery defines",
	"discovery/proc -> discovery":                     "it speaks of the Host that discovery defines",
	"host -> netio/capture":                           "frames are part of what a Host shows, and capture is nothing but frames",
	"trust/bulk -> trust":                             "it carries what trust says over TLS",
	"wire/pack -> github.com/klauspost/compress/zstd": "documents travel as zstd patches, which nobody writes by hand",
}

// forbiddenNames are folders that say nothing about what is inside.
var forbiddenNames = []string{"pkg", "src", "common", "util", "utils", "helper", "helpers", "types", "models", "misc", "lib"}

// rootFolders hold no Go code, so no pattern places them.
var rootFolders = []string{"cmd", "docs", "examples", "packaging", "scripts"}

// placeOf finds the pattern that names the folder best. A folder below a placed
// one is in the same place.
func placeOf(folder string) place {
	var best place
	for _, p := range places {
		if matches(p.folder, folder) && len(p.folder) > len(best.folder) {
			best = p
		}
	}
	return best
}

func matches(pattern, folder string) bool {
	if parent, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(folder, parent+"/")
	}
	return under(folder, pattern)
}

// layers finds imports that go up and folders that are not on the map.
func layers(t *Tree) []Finding {
	var found []Finding
	for _, folder := range t.Folders {
		if slices.Contains(forbiddenNames, folder) {
			found = append(found, Finding{File: folder, Says: fmt.Sprintf(
				"a folder named %s says nothing: name it for the thing inside", folder)})
		} else if !slices.Contains(rootFolders, folder) && placeOf(folder).layer == unknown {
			found = append(found, Finding{File: folder, Says: fmt.Sprintf(
				"%s is not on the map: give it a place in internal/tidy/layers.go and draw it in ARCHITECTURE.md", folder)})
		}
	}
	for _, p := range t.sorted() {
		if placeOf(p.Path).layer == unknown {
			continue // its root folder has been reported
		}
		for _, f := range p.Files {
			if f.Test {
				continue // a test may import what it proves with
			}
			for _, i := range f.Imports {
				if says := judge(p.Path, i); says != "" {
					found = append(found, Finding{f.Name, i.Line, says})
				}
			}
		}
	}
	return found
}

// judge says what is wrong with an import, or nothing.
func judge(importer string, i Import) string {
	from := placeOf(importer)
	if i.Local == "" {
		if from.layer == vocabulary && exceptions[importer+" -> "+i.Path] == "" && strings.Contains(strings.Split(i.Path, "/")[0], ".") {
			return fmt.Sprintf("%s is vocabulary and stands on the standard library only: write the part of %s it needs, or move the code up", importer, i.Path)
		}
		return ""
	}
	to := placeOf(i.Local)
	switch {
	case from.layer == proof, to.layer == unknown, sameRoom(importer, i.Local), exceptions[importer+" -> "+i.Local] != "":
		return ""
	case to.layer == proof:
		return fmt.Sprintf("%s may not import %s: proofs are imported by tests only", importer, i.Local)
	case slices.Contains(may[from.layer], to.layer):
		return ""
	case from.layer == to.layer:
		return fmt.Sprintf("%s may not import %s: each is %s, and those do not see one another; let a layer above introduce them",
			importer, i.Local, layerNames[from.layer])
	}
	return fmt.Sprintf("%s is %s and may not import %s, which is %s: arrows only go down; declare the interface it needs where it is used",
		importer, layerNames[from.layer], i.Local, layerNames[to.layer])
}

// sameRoom is true for a folder and what is inside it, when both are on the
// same floor (ui and ui/assets).
func sameRoom(a, b string) bool {
	return (under(a, b) || under(b, a)) && placeOf(a) == placeOf(b)
}
