package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// impureImports are packages a pure one does without, with what to do instead.
// A name ending in "/" means everything below.
var impureImports = map[string]string{
	"net":                            "keep addresses as netip.Addr and let an adapter own the socket",
	"net/":                           "let an adapter own the socket",
	"os":                             "take what it needs as an argument; the machine comes as a discovery.Host",
	"os/":                            "let an adapter run programs and hear signals",
	"log":                            "return events; the daemon logs once, where it is decided",
	"log/":                           "return events; the daemon logs once, where it is decided",
	"syscall":                        "let an adapter talk to the kernel",
	"golang.org/x/sys/":              "let an adapter talk to the kernel",
	"crypto/rand":                    "take an io.Reader or a *rand.Rand as an argument",
	"runtime/debug":                  "let the daemon look at its own process",
	"testing":                        "put what only tests need into a _test.go file or a folder of proofs",
	"database/sql":                   "take a graph.Reader as an argument",
	"github.com/vishvananda/netlink": "let host talk to the kernel",
}

// pureNet are the parts of net that only compute.
var pureNet = []string{"net/netip", "net/url"}

// impureCalls are functions a pure package does not call.
var impureCalls = map[string]string{
	"time.Now":       "take now time.Time as an argument",
	"time.Since":     "take now time.Time as an argument and subtract",
	"time.Until":     "take now time.Time as an argument and subtract",
	"time.Sleep":     "return a Deadline and let the daemon wait",
	"time.After":     "return a Deadline and let the daemon wait",
	"time.AfterFunc": "return a Deadline and let the daemon wait",
	"time.Tick":      "return a Deadline and let the daemon wait",
	"time.NewTimer":  "return a Deadline and let the daemon wait",
	"time.NewTicker": "return a Deadline and let the daemon wait",
}

// seeded are the names in math/rand that do not touch its global state.
var seeded = []string{
	"New", "NewSource", "NewZipf", "NewPCG", "NewChaCha8",
	"Rand", "Source", "Source64", "Zipf", "PCG", "ChaCha8",
}

// impurities are exceptions: "file: what" with the reason.
var impurities = map[string]string{
	"discovery/inode/inode.go: syscall":   "names the type behind fs.FileInfo.Sys and calls nothing",
	"discovery/script/script.go: syscall": "refuses programs that belong to somebody else, and has to know who it is itself",
	"trust/file.go: os":                   "identity, keys and register are files that only root may read; this file is the one place",
	"trust/join.go: net":                  "SplitHostPort only computes",
	"trust/join.go: crypto/rand":          secret,
	"trust/keys.go: crypto/rand":          secret,
	"trust/recovery.go: crypto/rand":      secret,
	"trust/registry.go: crypto/rand":      secret,
	"trust/token.go: crypto/rand":         secret,
}

const secret = "keys, tokens and identities must not be repeatable from a seed"

// purity finds clocks, sockets, goroutines and global dice in pure packages.
func purity(t *Tree) []Finding {
	var found []Finding
	for _, p := range t.sorted() {
		if !placeOf(p.Path).pure {
			continue
		}
		for _, f := range p.Files {
			if !f.Test {
				found = append(found, impure(t, p.Path, f)...)
			}
		}
	}
	return found
}

func impure(t *Tree, folder string, f *File) []Finding {
	var found []Finding
	say := func(line int, verb, what, instead string) {
		if impurities[f.Name+": "+what] == "" {
			found = append(found, Finding{f.Name, line, fmt.Sprintf("%s is pure and may not %s %s: %s", folder, verb, what, instead)})
		}
	}
	called := map[string]string{} // how this file calls a package → its path
	for _, i := range f.Imports {
		called[i.Name] = i.Path
		if instead := impureImport(i.Path); instead != "" {
			say(i.Line, "import", i.Path, instead)
		}
		if i.Name == "." {
			say(i.Line, "import with a dot", i.Path, "call it by its name, so that a reader and this test see what is used")
		}
	}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			say(t.line(n), "start", "a goroutine", "return what is to be done and let the daemon do it")
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok || x.Obj != nil {
				return true // a local thing that happens to have the name of a package
			}
			switch of := called[x.Name]; {
			case impureCalls[of+"."+n.Sel.Name] != "":
				say(t.line(n), "call", of+"."+n.Sel.Name, impureCalls[of+"."+n.Sel.Name])
			case (of == "math/rand" || of == "math/rand/v2") && !slices.Contains(seeded, n.Sel.Name):
				say(t.line(n), "use", of+"."+n.Sel.Name, "its dice are global; take a seeded *rand.Rand as an argument")
			}
		}
		return true
	})
	return found
}

func impureImport(name string) string {
	if slices.Contains(pureNet, name) {
		return ""
	}
	if instead := impureImports[name]; instead != "" {
		return instead
	}
	for prefix, instead := range impureImports {
		if strings.HasSuffix(prefix, "/") && strings.HasPrefix(name, prefix) {
			return instead
		}
	}
	return ""
}
