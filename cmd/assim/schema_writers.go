package main

import (
	_ "embed"
	"strings"

	"assim/graph"
)

// schemaWriters says who writes a label, a relationship or a property of either,
// a line each. A test makes it of the code and holds it against the code.
//
//go:embed schema_writers.txt
var schemaWriters string

// relKey names a relationship in schema_writers.txt, propKey a property.
func relKey(r graph.RelDoc) string { return r.From + "-" + r.Type + "-" + r.To }

func propKey(of, prop string) string { return of + "." + prop }

// writers returns who fills what is named, as it begins in sources(x): a
// discovery type, a rule of graph/derive, a part of the CMA.
func writers() func(of string) string {
	by := map[string]string{}
	for line := range strings.Lines(schemaWriters) {
		of, who, _ := strings.Cut(strings.TrimSpace(line), " ")
		by[of] = strings.ReplaceAll(who, " ", ", ")
	}
	return func(of string) string { return by[of] }
}
