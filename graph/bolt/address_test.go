package bolt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAddressesAreTakenApart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("se:cret\r\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		address, file, uri string
		opt                Options
		words              string // of the error
	}{
		{"bolt://h:7687", "", "bolt://h:7687", Options{}, ""},
		{"neo4j+s://anna@h/graph", file, "neo4j+s://h", Options{User: "anna", Password: "se:cret", Database: "graph"}, ""},
		{"bolt://[::1]:7687", file, "bolt://[::1]:7687", Options{User: "neo4j", Password: "se:cret"}, ""},
		{"bolt://anna:secret@h", "", "", Options{}, "has a password in it"},
		{"bolt://", "", "", Options{}, "is not understood"},
		{"http://h", "", "", Options{}, "is not understood"},
		{"/var/lib/graph.db", "", "", Options{}, "is not understood"},
		{"bolt://h", file + "x", "", Options{}, "the store's password"},
	} {
		uri, opt, err := ParseAddress(c.address, c.file)
		if c.words != "" {
			if err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "secret") {
				t.Errorf("ParseAddress(%q): %v, want %q and no password", c.address, err, c.words)
			}
			continue
		}
		if err != nil || uri != c.uri || opt != c.opt {
			t.Errorf("ParseAddress(%q) = %q, %+v, %v", c.address, uri, opt, err)
		}
	}
}
