package cypher

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/graph"
	"assim/graph/embedded"
)

// The random questions to hold against the naive evaluator.
var (
	naiveSeeds = flag.Uint64("seeds", 1500, "how many of a graph in memory")
	storeSeeds = flag.Uint64("store-seeds", 300, "how many of the embedded store, and three times as many as of Neo4j where there is one")
	firstSeed  = flag.Uint64("first", 0, "the first question")
)

// asker makes up one question and answers it naively on the way.
type asker struct {
	*rand.Rand
	g     tinyGraph
	text  []string
	rows  []tinyRow
	names []string // nodes in scope
	made  int
}

func (a *asker) pick(from ...string) string { return from[a.IntN(len(from))] }

func randomGraph(r *rand.Rand) (g tinyGraph) {
	for range 1 + r.IntN(5) {
		g.labels = append(g.labels, [][]string{nil, {"A"}, {"B"}, {"A", "B"}}[r.IntN(4)])
		g.values = append(g.values, int64(r.IntN(4))-1)
	}
	for range 2 + r.IntN(6) {
		g.rels = append(g.rels, tinyRel{r.IntN(len(g.labels)), r.IntN(len(g.labels)), []string{"X", "Y"}[r.IntN(2)]})
	}
	return g
}

// node is a new one, or one in scope. fresh collects those that are new.
func (a *asker) node(fresh *[]string) tinyNode {
	n := tinyNode{label: a.pick("", "", "", "", "", "", "A", "B")}
	switch all := append(slices.Clone(a.names), *fresh...); {
	case len(all) > 0 && a.IntN(3) == 0:
		n.name = a.pick(all...)
	case a.IntN(4) > 0:
		n.name = fmt.Sprintf("n%d", a.made)
		a.made++
		*fresh = append(*fresh, n.name)
	}
	return n
}

func (a *asker) pattern(fresh *[]string, most int) (p tinyPattern) {
	p.nodes = append(p.nodes, a.node(fresh))
	for range a.IntN(most + 1) {
		h := tinyHop{typ: a.pick("", "X", "Y"), dir: a.pick("->", "<-", "-"), min: 1, max: 1}
		if a.IntN(4) == 0 {
			h.star, h.min = true, a.IntN(3)
			h.max = h.min + a.IntN(3)
		}
		p.hops = append(p.hops, h)
		p.nodes = append(p.nodes, a.node(fresh))
	}
	return p
}

func (n tinyNode) String() string {
	if n.label == "" {
		return "(" + n.name + ")"
	}
	return "(" + n.name + ":" + n.label + ")"
}

func (h tinyHop) String() string {
	body := ""
	if h.typ != "" {
		body = ":" + h.typ
	}
	if h.star {
		body += fmt.Sprintf("*%d..%d", h.min, h.max)
	}
	switch h.dir {
	case "->":
		return "-[" + body + "]->"
	case "<-":
		return "<-[" + body + "]-"
	}
	return "-[" + body + "]-"
}

func (p tinyPattern) String() string {
	text := p.nodes[0].String()
	for i, h := range p.hops {
		text += h.String() + p.nodes[i+1].String()
	}
	return text
}

// truth makes up a condition over the nodes in scope.
func (a *asker) truth(names []string, depth int) tinyTruth {
	g, x, y := a.g, a.pick(names...), a.pick(names...)
	k := int64(a.IntN(3))
	switch a.IntN(9 - depth) {
	case 0:
		return tinyTruth{fmt.Sprintf("%s.v = %d", x, k), func(r tinyRow) any {
			v := g.prop(r[x], "v")
			if v == nil {
				return nil
			}
			return v == any(k)
		}}
	case 1:
		return tinyTruth{x + ".v < " + y + ".v", func(r tinyRow) any {
			v, w := g.prop(r[x], "v"), g.prop(r[y], "v")
			if v == nil || w == nil {
				return nil
			}
			return v.(int64) < w.(int64)
		}}
	case 2:
		return tinyTruth{x + ".v IS NULL", func(r tinyRow) any { return g.prop(r[x], "v") == nil }}
	case 3:
		return tinyTruth{x + " <> " + y, func(r tinyRow) any {
			if r[x] == nil || r[y] == nil {
				return nil
			}
			return r[x] != r[y]
		}}
	case 4, 5:
		var inner []string
		p := (&asker{Rand: a.Rand, g: g, made: a.made + 100}).pattern(&inner, 2)
		p.nodes[0].name = x
		for i := range p.nodes[1:] {
			p.nodes[i+1].name = ""
		}
		return tinyTruth{"EXISTS { MATCH " + p.String() + " }", func(r tinyRow) any { return len(g.match(r, []tinyPattern{p})) > 0 }}
	case 6:
		c := a.truth(names, 2)
		return tinyTruth{"NOT (" + c.text + ")", func(r tinyRow) any {
			if b, ok := c.is(r).(bool); ok {
				return !b
			}
			return nil
		}}
	}
	c, d := a.truth(names, 2), a.truth(names, 2)
	ends, word := false, " AND "
	if a.IntN(2) == 0 {
		ends, word = true, " OR "
	}
	return tinyTruth{"(" + c.text + ")" + word + "(" + d.text + ")", func(r tinyRow) any {
		v, w := c.is(r), d.is(r)
		switch {
		case v == any(ends) || w == any(ends):
			return ends
		case v == nil || w == nil:
			return nil
		}
		return !ends
	}}
}

// match adds a MATCH or OPTIONAL MATCH.
func (a *asker) match(optional bool) {
	var fresh, texts []string
	var patterns []tinyPattern
	for range 1 + a.IntN(2) {
		p := a.pattern(&fresh, 3-len(patterns)*2)
		patterns = append(patterns, p)
		texts = append(texts, p.String())
	}
	text := "MATCH " + strings.Join(texts, ", ")
	if optional {
		text = "OPTIONAL " + text
	}
	var where *tinyTruth
	if scope := append(slices.Clone(a.names), fresh...); len(scope) > 0 && a.IntN(2) == 0 {
		c := a.truth(scope, 0)
		where, text = &c, text+" WHERE "+c.text
	}
	var out []tinyRow
	for _, row := range a.rows {
		found := keep(a.g.match(row, patterns), where)
		if len(found) == 0 && optional {
			for _, n := range fresh {
				row = row.with(n, nil)
			}
			found = []tinyRow{row}
		}
		out = append(out, found...)
	}
	a.rows, a.names, a.text = out, append(a.names, fresh...), append(a.text, text)
}

// narrow adds a WITH that keeps one node, once or as often as it comes.
func (a *asker) narrow() {
	x := a.pick(a.names...)
	var out []tinyRow
	text := "WITH " + x
	switch a.IntN(3) {
	case 0:
		text = "WITH DISTINCT " + x
		for _, g := range groups(a.rows, func(r tinyRow) any { return r[x] }) {
			out = append(out, tinyRow{x: g[0][x]})
		}
	case 1:
		text += ", count(*) AS many WHERE many > 1"
		for _, g := range groups(a.rows, func(r tinyRow) any { return r[x] }) {
			if len(g) > 1 {
				out = append(out, tinyRow{x: g[0][x]})
			}
		}
	default:
		for _, r := range a.rows {
			out = append(out, tinyRow{x: r[x]})
		}
	}
	a.rows, a.names, a.text = out, []string{x}, append(a.text, text)
}

// answer adds the RETURN and gives the rows that it must bring.
func (a *asker) answer() (rows [][]any, ordered bool) {
	x, y := a.pick(a.names...), a.pick(a.names...)
	prop := a.pick("i", "v")
	text := "RETURN "
	columns := 2
	if a.IntN(2) == 0 {
		columns = 6
		text += fmt.Sprintf("%s.%s AS c0, count(*) AS c1, count(DISTINCT %s.v) AS c2, sum(%s.v) AS c3, min(%s.v) AS c4, max(%s.v) AS c5", x, prop, y, y, y, y)
		for _, g := range groups(a.rows, func(r tinyRow) any { return a.g.prop(r[x], prop) }) {
			rows = append(rows, a.summary(g, a.g.prop(g[0][x], prop), y))
		}
	} else {
		distinct := a.IntN(2) == 0
		if distinct {
			text += "DISTINCT "
		}
		text += fmt.Sprintf("%s.%s AS c0, %s.v AS c1", x, prop, y)
		for _, r := range a.rows {
			row := []any{a.g.prop(r[x], prop), a.g.prop(r[y], "v")}
			if !distinct || !slices.ContainsFunc(rows, func(old []any) bool { return slices.Equal(old, row) }) {
				rows = append(rows, row)
			}
		}
	}
	if ordered = a.IntN(2) == 0; ordered {
		text, rows = a.order(text, rows, columns)
	}
	a.text = append(a.text, text)
	return rows, ordered
}

// order sorts by every column, so that SKIP and LIMIT have one right answer.
func (a *asker) order(text string, rows [][]any, columns int) (string, [][]any) {
	down := make([]bool, columns)
	for i := range down {
		down[i] = a.IntN(2) == 0
		text += []string{" ORDER BY ", ", "}[min(i, 1)] + fmt.Sprintf("c%d", i)
		if down[i] {
			text += " DESC"
		}
	}
	slices.SortFunc(rows, func(p, q []any) int {
		for i := range p {
			if c := compareNumbers(p[i], q[i]); c != 0 {
				if down[i] {
					return -c
				}
				return c
			}
		}
		return 0
	})
	if a.IntN(2) == 0 {
		skip, limit := a.IntN(4), a.IntN(5)
		text += fmt.Sprintf(" SKIP %d LIMIT %d", skip, limit)
		rows = rows[min(skip, len(rows)):]
		rows = rows[:min(limit, len(rows))]
	}
	return text, rows
}

// summary is one row of an aggregation; null counts nowhere but in count(*).
func (a *asker) summary(group []tinyRow, key any, y string) []any {
	different := map[any]bool{}
	var sum int64
	var least, most any
	for _, r := range group {
		v, ok := a.g.prop(r[y], "v").(int64)
		if !ok {
			continue
		}
		different[v] = true
		sum += v
		if least == nil || v < least.(int64) {
			least = v
		}
		if most == nil || v > most.(int64) {
			most = v
		}
	}
	return []any{key, int64(len(group)), int64(len(different)), sum, least, most}
}

// ask makes up a graph, a question and its answer.
func ask(seed uint64) (g tinyGraph, text string, rows [][]any, ordered bool) {
	r := rand.New(rand.NewPCG(seed, 3))
	a := &asker{Rand: r, g: randomGraph(r), rows: []tinyRow{{}}}
	for a.match(false); len(a.names) == 0; a.match(false) {
	}
	for range r.IntN(3) {
		switch r.IntN(3) {
		case 0:
			a.narrow()
		default:
			a.match(r.IntN(3) > 0)
		}
		if len(a.rows) > 5000 {
			break
		}
	}
	rows, ordered = a.answer()
	return a.g, strings.Join(a.text, "\n"), rows, ordered
}

func lines(rows [][]any, ordered bool) []string {
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprint(r))
	}
	if !ordered {
		slices.Sort(out)
	}
	return out
}

func TestTheEngineAnswersWhatTryingEverythingAnswers(t *testing.T) {
	holdAgainstNaive(t, *naiveSeeds, func(g tinyGraph, text string) ([][]any, error) {
		w := newWorld()
		defer w.close()
		return engineAnswers(w, g, text)
	})
}

// TestTheEngineAnswersSoOverTheShippedStore asks over one store on the disk, in
// which each graph takes the place of the one before.
func TestTheEngineAnswersSoOverTheShippedStore(t *testing.T) {
	store, err := embedded.Open(filepath.Join(t.TempDir(), "naive.graph"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(store)
	w.done = func() { _ = store.Close() }
	defer w.close()
	holdAgainstNaive(t, *storeSeeds, nowAndThen(w))
}

// nowAndThen answers over one store after the other, and asks each question
// again as of its time when the next graph has taken the place of its own.
func nowAndThen(w *world) func(tinyGraph, string) ([][]any, error) {
	var (
		last   string
		was    [][]any
		at     time.Time
		before = func() error {
			r, err := w.store.View(context.Background(), at)
			if err != nil {
				return err
			}
			defer r.Close()
			again, err := allRows(r, last)
			if err == nil && !slices.Equal(lines(again, false), lines(was, false)) {
				err = fmt.Errorf("the question before, as of its time:\n%s\nanswers %v, and was %v", last, lines(again, false), lines(was, false))
			}
			return err
		}
	)
	return func(g tinyGraph, text string) ([][]any, error) {
		rows, err := engineAnswers(w, g, text)
		if err == nil && last != "" {
			err = before()
		}
		last, was, at = text, rows, w.now()
		return rows, err
	}
}

// holdAgainstNaive asks random questions of something that answers them.
func holdAgainstNaive(t *testing.T, questions uint64, answers func(tinyGraph, string) ([][]any, error)) {
	t.Helper()
	answered := uint64(0)
	for seed := *firstSeed; seed < *firstSeed+questions; seed++ {
		g, text, want, ordered := ask(seed)
		got, err := answers(g, text)
		if err != nil {
			t.Fatalf("%s\n%s\n%v (repeat with -first %d -seeds 1 -store-seeds 1)", g.create(), text, err, seed)
		}
		if w, h := lines(want, ordered), lines(got, ordered); !slices.Equal(w, h) {
			t.Fatalf("%s\n%s\ntrying everything: %v\nwhat is tested:    %v\n(repeat with -first %d -seeds 1 -store-seeds 1)", g.create(), text, w, h, seed)
		}
		if len(want) > 0 {
			answered++
		}
	}
	if answered < questions/5 {
		t.Errorf("only %d of %d questions had an answer", answered, questions)
	}
	t.Logf("%d questions, %d with an answer", questions, answered)
}

// engineAnswers puts the graph in the place of what the world held, and asks.
func engineAnswers(w *world, g tinyGraph, text string) ([][]any, error) {
	clear(w.nodes)
	clear(w.rels)
	if err := w.execute(g.create()); err != nil {
		return nil, err
	}
	return allRows(w.view(), text)
}

func allRows(r graph.Reader, text string) ([][]any, error) {
	q, err := Parse(text)
	if err != nil {
		return nil, err
	}
	rows, err := q.Run(context.Background(), r, nil, Limits{})
	if err != nil {
		return nil, err
	}
	var all [][]any
	for row, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		all = append(all, slices.Clone(row))
	}
	return all, nil
}
