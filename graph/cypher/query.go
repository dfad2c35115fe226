package cypher

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"assim/graph"
)

// Query is a parsed query. It does not change and may be run by many
// goroutines at once.
type Query struct {
	text string
	mode string // "", EXPLAIN, PROFILE
	c    *compiled
	used names
}

// Parse reads a query. An error is an *Error that points at the place.
func Parse(text string) (*Query, error) { return parseWith(text, builtinProcedures) }

// parseWith is Parse with other procedures for CALL.
func parseWith(text string, procs map[string]*procedure) (*Query, error) {
	st, err := parse(text)
	if err != nil {
		return nil, err
	}
	c, err := compileStatement(st, procs)
	if err != nil {
		return nil, err
	}
	return &Query{text: text, mode: st.mode, c: c, used: st.used}, nil
}

// Text returns what was parsed.
func (q *Query) Text() string { return q.text }

// Columns returns the names of the result's columns.
func (q *Query) Columns() []string {
	if q.mode != "" {
		return planColumns
	}
	return q.c.columns
}

// Params returns the names of the parameters the query uses, in order.
func (q *Query) Params() []string { return q.c.params }

// Run starts the query over a reader, which must stay open until the rows are
// read. Parameters may be any Go values that graph.Normalize takes, maps,
// slices, time.Time, and values of earlier results.
func (q *Query) Run(ctx context.Context, r graph.Reader, params map[string]any, lim Limits) (*Rows, error) {
	rt, err := q.start(ctx, r, params, lim)
	if err != nil {
		return nil, err
	}
	if q.mode != "" {
		return q.planRows(rt)
	}
	return &Rows{columns: q.c.columns, rt: rt, p: rt.plan(q.c.parts, q.c.all)}, nil
}

func (q *Query) start(ctx context.Context, r graph.Reader, params map[string]any, lim Limits) (*run, error) {
	converted := make(map[string]any, len(q.c.params))
	for _, name := range q.c.params {
		v, ok := params[name]
		if !ok {
			return nil, q.c.located[name](missingParam(name, params))
		}
		p, err := value(v, 0)
		if err != nil {
			return nil, fmt.Errorf("parameter $%s: %w", name, err)
		}
		converted[name] = p
	}
	return &run{ctx: ctx, r: r, q: q.c, params: converted, lim: lim.orDefaults(), start: time.Now(), f: make([]any, q.c.slots), subs: make([]*pipeline, len(q.c.subs))}, nil
}

func missingParam(name string, params map[string]any) error {
	err := failed(ParameterMissing, "MissingParameter", "the query needs the parameter $%s", name)
	have := make([]string, 0, len(params))
	for k := range params {
		have = append(have, k)
	}
	if n := nearest(name, have); n != "" {
		err.Hint = fmt.Sprintf("$%s was given", n)
	} else {
		err.Hint = fmt.Sprintf("give it a value: %s=VALUE after the query, or in params", name)
	}
	return err
}

// maxNesting bounds how deep a parameter's lists and maps nest.
const maxNesting = 64

// value converts a Go value into one that queries work with.
func value(v any, depth int) (any, error) {
	if depth > maxNesting {
		return nil, failed(ArgumentError, "InvalidArgumentValue", "the value nests deeper than %d levels", maxNesting)
	}
	switch x := v.(type) {
	case nil, bool, int64, float64, string, *Node, *Rel, *Path, Date, LocalTime, Time, LocalDateTime, DateTime, Duration:
		return v, nil
	case time.Time:
		return FromGo(x), nil
	case time.Duration:
		return normalDuration(0, 0, 0, int64(x)), nil
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, item := range x {
			c, err := value(item, depth+1)
			if err != nil {
				return nil, err
			}
			out[k] = c
		}
		return out, nil
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			c, err := value(item, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = c
		}
		return out, nil
	}
	n, err := graph.Normalize(v)
	if err != nil {
		return nil, failed(ArgumentError, "InvalidArgumentType", "a %T cannot be a query's value", v)
	}
	return n, nil
}

// Rows are a query's result, computed as they are read. They can be read once.
type Rows struct {
	columns []string
	rt      *run
	p       *pipeline
	fixed   [][]any // rows computed already, of EXPLAIN and PROFILE
}

// Columns returns the names of the columns.
func (rows *Rows) Columns() []string { return rows.columns }

// All reads the rows. A row is the caller's to keep. After an error there are
// no more.
func (rows *Rows) All() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, row := range rows.fixed {
			if !yield(row, nil) {
				return
			}
		}
		if rows.p == nil {
			return
		}
		count := 0
		err := rows.p.run(rows.rt, func() error {
			if count++; count > rows.rt.lim.Rows {
				return failed(LimitError, "RowLimit", "the query returns more than the %d rows allowed; use LIMIT", rows.rt.lim.Rows)
			}
			row, err := rows.rt.row(rows.p.current.out)
			if err != nil {
				return err
			}
			if !yield(row, nil) {
				return errStop
			}
			return nil
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// Collect reads all rows.
func (rows *Rows) Collect() ([][]any, error) {
	var out [][]any
	for row, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// row copies the result out of the frame and loads the nodes in it.
func (rt *run) row(slots []int) ([]any, error) {
	row := make([]any, len(slots))
	for i, s := range slots {
		row[i] = rt.f[s]
		if err := rt.complete(row[i]); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// complete loads every node within v, so that it can be read when the reader
// is closed.
func (rt *run) complete(v any) error {
	switch x := v.(type) {
	case *Node:
		return rt.load(x)
	case *Path:
		for _, n := range x.Nodes {
			if err := rt.load(n); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range x {
			if err := rt.step(); err != nil {
				return err
			}
			if err := rt.complete(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, item := range x {
			if err := rt.complete(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// Explain plans the query over a reader without running it.
func (q *Query) Explain(r graph.Reader) (*Plan, error) {
	rt := &run{ctx: context.Background(), r: r, q: q.c, lim: Limits{}.orDefaults(), shown: true, f: make([]any, q.c.slots), subs: make([]*pipeline, len(q.c.subs))}
	return rt.describe(rt.plan(q.c.parts, q.c.all)), nil
}

// Profile runs the query, throws its rows away, and tells how many each
// operator made.
func (q *Query) Profile(ctx context.Context, r graph.Reader, params map[string]any, lim Limits) (*Plan, error) {
	rt, err := q.start(ctx, r, params, lim)
	if err != nil {
		return nil, err
	}
	rt.profiled, rt.shown = true, true
	p := rt.plan(q.c.parts, q.c.all)
	err = p.run(rt, func() error {
		_, err := rt.row(p.current.out)
		return err
	})
	if err != nil {
		return nil, err
	}
	return rt.describe(p), nil
}

// planRows answers a query that begins with EXPLAIN or PROFILE.
func (q *Query) planRows(rt *run) (*Rows, error) {
	rt.profiled, rt.shown = q.mode == "PROFILE", true
	p := rt.plan(q.c.parts, q.c.all)
	if rt.profiled {
		err := p.run(rt, func() error {
			_, err := rt.row(p.current.out)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return &Rows{columns: planColumns, fixed: rt.describe(p).rows()}, nil
}

var planColumns = []string{"operator", "details", "estimate", "rows"}

// Plan is how a query is carried out, first operator first.
type Plan struct {
	Operators []PlanOperator
	Reads     int64 // nodes looked up one by one, when profiled
	Profiled  bool
}

// PlanOperator is one operator of a Plan.
type PlanOperator struct {
	Name     string
	Details  string
	Depth    int     // of nesting: within OPTIONAL MATCH or a part of a UNION
	Estimate float64 // rows expected, 0 when not estimated
	Rows     int64   // rows made, when profiled
}

// String draws the plan, one operator a line.
func (p *Plan) String() string {
	var b strings.Builder
	for _, o := range p.Operators {
		fmt.Fprintf(&b, "%s%s %s", strings.Repeat("  ", o.Depth), o.Name, o.Details)
		if p.Profiled {
			fmt.Fprintf(&b, "  [%d rows]", o.Rows)
		} else if o.Estimate > 0 {
			fmt.Fprintf(&b, "  [about %.0f]", o.Estimate)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (p *Plan) rows() [][]any {
	var rows [][]any
	for _, o := range p.Operators {
		var expected, made any
		if o.Estimate > 0 {
			expected = rounded(o.Estimate)
		}
		if p.Profiled {
			made = o.Rows
		}
		rows = append(rows, []any{strings.Repeat("  ", o.Depth) + o.Name, o.Details, expected, made})
	}
	if p.Profiled {
		rows = append(rows, []any{"Reads", "nodes looked up one by one", nil, p.Reads})
	}
	return rows
}

// rounded leaves two digits of a guess.
func rounded(x float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 1, 64), 64)
	if err != nil {
		return x
	}
	return r
}
