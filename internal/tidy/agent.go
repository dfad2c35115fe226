package tidy

import (
	"fmt"
	"slices"
	"strings"
)

// agentMain is the agent's main; what it reaches by imports is in its binary.
const agentMain = "cmd/nanoprobe"

// neverInAgent are folders the agent does not link, with the reason.
var neverInAgent = []struct{ folder, reason string }{
	{"graph/embedded", "the agent keeps no graph"},
	{"graph/bolt", "the agent keeps no graph"},
	{"graph/cypher", "the agent answers no queries"},
	{"graph/derive", "the agent keeps no graph"},
	{"graph/oui", "the list of vendors is large, and the CMA's business"},
	{"api", "the agent opens no HTTP port"},
	{"ui", "the agent has no pages"},
	{"query", "the agent answers no queries"},
	{"audit", "what a document means is judged by the CMA"},
	{"alert", "alerts are sent by the CMA"},
	{"verdict", "incidents are judged by the CMA"},
	{"authority", "rings are planned by the CMA"},
	{"cma", "the agent is not the server"},
}

// neverImportedByAgent are packages from outside that would make the agent big.
var neverImportedByAgent = []struct{ path, reason string }{
	{"net/http", "it brings about 3 MB and TLS with it"},
	{"html/template", "reflection keeps every method alive and the binary grows"},
	{"text/template", "reflection keeps every method alive and the binary grows"},
	{"database/sql", "the agent keeps no database"},
	{"modernc.org/sqlite", "the agent keeps no database"},
}

// agent finds what the agent links and should not, with the way it came in.
func agent(t *Tree) []Finding {
	if t.Packages[agentMain] == nil {
		return nil
	}
	var found []Finding
	cameBy := map[string]string{agentMain: ""} // folder → who imports it
	for todo := []string{agentMain}; len(todo) > 0; todo = todo[1:] {
		folder := todo[0]
		for _, bad := range neverInAgent {
			if under(folder, bad.folder) {
				found = append(found, Finding{File: folder, Says: fmt.Sprintf(
					"the agent links %s by way of %s: %s; cut the import", folder, way(cameBy, folder), bad.reason)})
			}
		}
		p := t.Packages[folder]
		if p == nil {
			continue
		}
		for _, f := range p.Files {
			if f.Test {
				continue
			}
			for _, i := range f.Imports {
				if i.Local != "" {
					if _, seen := cameBy[i.Local]; !seen {
						cameBy[i.Local] = folder
						todo = append(todo, i.Local)
					}
				}
				for _, bad := range neverImportedByAgent {
					if under(i.Path, bad.path) {
						found = append(found, Finding{f.Name, i.Line, fmt.Sprintf(
							"the agent links %s by way of %s: %s; do it another way or move the code", i.Path, way(cameBy, folder), bad.reason)})
					}
				}
			}
		}
	}
	return found
}

// way writes the imports from the agent's main down to folder.
func way(cameBy map[string]string, folder string) string {
	var steps []string
	for ; folder != ""; folder = cameBy[folder] {
		steps = append(steps, folder)
	}
	slices.Reverse(steps)
	return strings.Join(steps, " → ")
}
