package script

import (
	"os"
	"slices"
	"strings"
	"testing"

	"assim/host"
)

func TestAnAuthorIsToldWhichRulesFindNothing(t *testing.T) {
	const doc = `{"jobs":[{"name":"a","size":1},{"size":2}]}`
	for name, c := range map[string]struct {
		rules string
		want  []string
	}{
		"all is found": {"[[node]]\neach = \"jobs\"\nlabel = \"Job\"\nid = \"{system}/{size}\"\nprops = {name = \"name\"}", nil},
		"each": {"[[node]]\neach = \"job\"\nlabel = \"Job\"\nid = \"{size}\"",
			[]string{`node 1 (Job) makes nothing: the document has nothing at each = "job"`}},
		"a field of the id": {"[[rel]]\neach = \"jobs\"\nfrom = \"System:{system}\"\ntype = \"DOES\"\nto = \"Job:{name}\"",
			[]string{"rel 1 (DOES) leaves out 1 of 2 items, which have no {name}"}},
		"a property": {"[[node]]\neach = \"jobs\"\nlabel = \"Job\"\nid = \"{size}\"\nprops = {size = \"bytes\"}",
			[]string{`node 1 (Job) sets no property size: no item has "bytes"`}},
	} {
		dir := t.TempDir()
		write(t, dir, "probe.toml", c.rules, 0o644)
		s, err := Load(os.DirFS(dir), "probe")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Lost([]byte(doc)); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	for doc, want := range map[string]string{"": "empty", "{": "no JSON", "12": "neither an object nor a list"} {
		if _, err := (&Settings{}).Lost([]byte(doc)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", doc, err, want)
		}
	}
}

func TestAProgramThatCannotBeStartedIsExplained(t *testing.T) {
	for text, want := range map[string]string{"echo '{}'\n": "#!/bin/sh?", "#!/no/such/shell\n": "who interprets it"} {
		dir := t.TempDir()
		write(t, dir, "probe", text, 0o755)
		if _, err := only(t, dir).Collect(t.Context(), host.New("/")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
