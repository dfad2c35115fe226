package cypher

import (
	"maps"
	"slices"
)

// Keywords returns the words a query is made of, for completion.
func Keywords() []string {
	return []string{"ALL", "AND", "AS", "ASC", "BY", "CALL", "CASE", "COLLECT", "CONTAINS", "COUNT", "DESC", "DISTINCT", "ELSE", "END", "ENDS",
		"EXISTS", "EXPLAIN", "IN", "IS", "LIMIT", "MATCH", "NOT", "NULL", "OPTIONAL", "OR", "ORDER", "PROFILE", "RETURN", "SKIP", "STARTS", "THEN",
		"UNION", "UNWIND", "WHEN", "WHERE", "WITH", "XOR", "YIELD", "false", "null", "true"}
}

// Functions returns the names of all functions, aggregates among them, as they
// are best written.
func Functions() []string {
	names := []string{"avg", "collect", "count", "max", "min", "percentileCont", "percentileDisc", "stDev", "stDevP", "sum", "exists"}
	for _, group := range []map[string]function{graphFunctions, listFunctions, textFunctions, numberFunctions, temporalFunctions} {
		names = slices.AppendSeq(names, maps.Keys(group))
	}
	slices.Sort(names)
	return names
}

// Procedures returns the names CALL knows.
func Procedures() []string { return slices.Sorted(maps.Keys(builtinProcedures)) }
