package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"assim/graph"
)

func TestTheSchemaPageIsWhatTheSchemaSays(t *testing.T) {
	page, err := os.ReadFile("../../docs/schema.md")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := schemaMarkdown(&want); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, want.Bytes()) {
		t.Error("docs/schema.md is not what graph/schema.go says; update it: go run ./cmd/assim schema -markdown > docs/schema.md")
	}
}

func TestTheSchemaTellsOfOneLabelOrRelationship(t *testing.T) {
	for _, c := range []struct{ args, has, lacks string }{
		{"nic", "HAS_NIC", "HAS_PACKAGES"},
		{"NIC", "mtu", "HAS_PACKAGES"},
		{"HAS_NIC", "(System)-[:HAS_NIC]->(NIC)", "mtu"},
		{"NIC", "bytes <netconfig>", "HAS_PACKAGES"},
		{"Ring", "members <cma/ring>", "mtu"},
		{"DEPENDS_ON", "<derive/depends_on_system>", "mtu"},
		{"NIC -json", `"NIC.mtu": "netconfig"`, "HAS_PACKAGES"},
		{"NIC -json", `"Label": "NIC"`, "HAS_PACKAGES"},
		{"", "HAS_PACKAGES", "# The graph"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"schema"}, strings.Fields(c.args)...), &out, &errs)
		if code != exitOK || !strings.Contains(out.String(), c.has) || strings.Contains(out.String(), c.lacks) {
			t.Errorf("schema %s: exit %d, %s, and\n%s", c.args, code, errs.String(), out.String())
		}
	}
}

func TestTheSchemaPageEscapesWhatWouldEndACell(t *testing.T) {
	var out bytes.Buffer
	if err := schemaMarkdown(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		columns := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") - 1
		if strings.HasPrefix(line, "| ") && columns != 4 && columns != 6 {
			t.Errorf("%d columns: %s", columns, line)
		}
	}
	for _, l := range graph.Labels {
		if !strings.Contains(out.String(), "### "+l.Label+"\n") {
			t.Errorf("the page lacks %s", l.Label)
		}
	}
}
