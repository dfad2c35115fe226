package cypher

import "assim/graph"

// span is the part of the query a piece came from, in token numbers.
type span struct{ from, to int }

func (s span) loc() span { return s }

// expr is a parsed expression.
type expr interface{ loc() span }

type (
	litExpr struct { // null, true, 1, 2.5, 'x'
		span
		v any
	}
	paramExpr struct {
		span
		name string
	}
	varExpr struct {
		span
		name string
	}
	propExpr struct { // e.name
		span
		e    expr
		name string
	}
	indexExpr struct { // e[i]
		span
		e, i expr
	}
	sliceExpr struct { // e[low..high], either may be nil
		span
		e, low, high expr
	}
	listExpr struct {
		span
		items []expr
	}
	mapExpr struct {
		span
		keys   []string
		values []expr
	}
	unaryExpr struct { // NOT, -, +
		span
		op string
		e  expr
	}
	binaryExpr struct { // AND OR XOR + - * / % ^ IN =~ STARTS ENDS CONTAINS
		span
		op   string
		l, r expr
	}
	compareExpr struct { // a < b <= c
		span
		ops  []string
		args []expr
	}
	nullExpr struct { // e IS NULL, e IS NOT NULL
		span
		e   expr
		not bool
	}
	labelsExpr struct { // e:A:B
		span
		e      expr
		labels []string
	}
	callExpr struct {
		span
		name     string // as written
		args     []expr
		distinct bool
		star     bool // count(*)
	}
	caseExpr struct {
		span
		test  expr // or nil
		when  []expr
		then  []expr
		other expr // or nil
	}
	listCompExpr struct { // [name IN list WHERE where | project]
		span
		name                 string
		list, where, project expr
	}
	quantExpr struct { // all any none single
		span
		kind, name  string
		list, where expr
	}
	reduceExpr struct { // reduce(acc = start, name IN list | body)
		span
		acc, name         string
		start, list, body expr
	}
	patternExpr struct { // a pattern as a predicate, or a comprehension of it
		span
		pattern        *pattern
		where, project expr // comprehension when project is set
	}
	subExpr struct { // EXISTS { } COUNT { } COLLECT { }
		span
		kind  string
		query *union
	}
	projectExpr struct { // map projection: name {.a, .*, b: 1, c}
		span
		name  string
		all   bool
		keys  []string
		exprs []expr
	}
)

// nodePattern is (name:Label:Label {props}).
type nodePattern struct {
	span
	name   string
	labels []string
	props  expr // map, parameter or nil
}

// relPattern is -[name:TYPE|TYPE*min..max {props}]->.
type relPattern struct {
	span
	name     string
	types    []string
	props    expr
	dir      graph.Dir // as written, from left to right
	variable bool      // has a *
	min, max int       // max < 0 is unbounded
}

// pattern is one chain; len(nodes) == len(rels)+1.
type pattern struct {
	span
	name     string // path variable
	nodes    []*nodePattern
	rels     []*relPattern
	shortest string // "", "shortestPath" or "allShortestPaths"

	// Where the compiler put the pattern: its first relationship, and its node
	// if it has no relationship.
	firstRel, alone int
}

// clause is one of matchClause, unwindClause, projectClause, callClause.
type clause interface{ loc() span }

type matchClause struct {
	span
	optional bool
	patterns []*pattern
	filter   expr
}

type unwindClause struct {
	span
	list expr
	name string
}

// projectClause is WITH or RETURN.
type projectClause struct {
	span
	last     bool // RETURN
	distinct bool
	star     bool
	items    []item
	order    []sortItem
	skip     expr
	limit    expr
	filter   expr // WITH ... WHERE
}

type item struct {
	span
	e       expr
	name    string
	aliased bool
}

type sortItem struct {
	e    expr
	desc bool
}

type callClause struct {
	span
	name     string
	args     []expr
	implicit bool // no parentheses: arguments are the parameters of the same names
	yield    []yieldItem
	star     bool // YIELD *
	yielded  bool // has YIELD
	filter   expr
}

type yieldItem struct {
	span
	column, name string
}

// single is a query without UNION.
type single struct {
	span
	clauses []clause
}

// union is one or more singles.
type union struct {
	span
	parts []*single
	all   bool
}
