package cypher

import (
	"slices"
	"sort"
)

// operator is one stage of a pipeline. push is called once per incoming row,
// which is the frame; it calls push of the next for every outgoing row.
type operator interface {
	push(*run) error
	base() *stage
}

// stage is what all operators have: the next one, and what the plan shows.
type stage struct {
	next     operator
	name     string
	details  string
	estimate float64
	rows     int64
}

func (s *stage) base() *stage { return s }

func (s *stage) emit(rt *run) error {
	s.rows++
	return s.next.push(rt)
}

// keeper is an operator that holds rows back until all have come.
type keeper interface {
	operator
	flush(*run) error
}

// resetter is an operator with state that a new run of its pipeline clears.
type resetter interface{ reset(*run) error }

// pipeline is a planned query: its parts, which are several for a UNION.
type pipeline struct {
	parts    []*pipelinePart
	distinct bool
	current  *pipelinePart
	sink     func() error
}

type pipelinePart struct {
	ops []operator
	out []int
}

// run carries out the pipeline, calling sink for every row in the frame.
func (p *pipeline) run(rt *run, sink func() error) error {
	was := p.sink
	defer func() { p.sink = was }()
	p.sink = sink
	var seen *distinctSet
	if p.distinct {
		seen = &distinctSet{}
		p.sink = func() error {
			fresh, err := seen.add(rt, p.current.out)
			if err != nil || !fresh {
				return err
			}
			return sink()
		}
	}
	for _, part := range p.parts {
		p.current = part
		if err := part.run(rt); err == errStop {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// stopAt is what a LIMIT returns when it is satisfied: everything before it is
// done, what comes after it goes on.
type stopAt struct{ op operator }

func (stopAt) Error() string { return "enough" }

// run pushes the empty row through, then flushes keepers from first to last.
func (part *pipelinePart) run(rt *run) error {
	for _, op := range part.ops {
		if r, ok := op.(resetter); ok {
			if err := r.reset(rt); err != nil {
				return err
			}
		}
	}
	done := -1
	err := part.ops[0].push(rt)
	for i := 0; ; i++ {
		if stop, ok := err.(stopAt); ok {
			done = max(done, slices.Index(part.ops, stop.op))
		} else if err != nil {
			return err
		}
		if i >= len(part.ops) {
			return nil
		}
		err = nil
		if k, ok := part.ops[i].(keeper); ok && i > done {
			err = k.flush(rt)
		}
	}
}

// sinkOp ends a pipeline.
type sinkOp struct {
	stage
	p *pipeline
}

func (o *sinkOp) push(rt *run) error {
	o.rows++
	return o.p.sink()
}

type filterOp struct {
	stage
	cond eval
}

func (o *filterOp) push(rt *run) error {
	v, err := o.cond(rt)
	if err != nil {
		return err
	}
	if v == true {
		return o.emit(rt)
	}
	return conditionType(v)
}

// conditionType refuses conditions that are neither true, false nor null.
func conditionType(v any) error {
	switch v.(type) {
	case nil, bool:
		return nil
	}
	return failed(TypeError, "InvalidArgumentType", "a condition must be true or false, not %s", typeName(v))
}

// optionalOp runs a MATCH and pushes one row of nulls when it found nothing.
type optionalOp struct {
	stage
	inner []operator
	fresh []int
	found bool
}

func (o *optionalOp) push(rt *run) error {
	was := o.found
	o.found = false
	defer func() { o.found = was }()
	if err := o.inner[0].push(rt); err != nil || o.found {
		return err
	}
	for _, s := range o.fresh {
		rt.f[s] = nil
	}
	return o.emit(rt)
}

// foundOp ends the inside of an optionalOp.
type foundOp struct {
	stage
	of *optionalOp
}

func (o *foundOp) push(rt *run) error {
	o.of.found = true
	return o.of.emit(rt)
}

type unwindOp struct {
	stage
	list eval
	slot int
}

func (o *unwindOp) push(rt *run) error {
	v, err := o.list(rt)
	if err != nil || v == nil {
		return err
	}
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	for _, item := range items {
		if err := rt.step(); err != nil {
			return err
		}
		rt.f[o.slot] = item
		if err := o.emit(rt); err != nil {
			return err
		}
	}
	return nil
}

// projectOp computes items into their slots.
type projectOp struct {
	stage
	items []projected
}

func (o *projectOp) push(rt *run) error {
	if err := rt.compute(o.items); err != nil {
		return err
	}
	return o.emit(rt)
}

func (rt *run) compute(items []projected) error {
	for i := range items {
		v, err := items[i].val(rt)
		if err != nil {
			return err
		}
		rt.f[items[i].slot] = v
	}
	return nil
}

// distinctSet remembers rows by the values of some slots.
type distinctSet struct {
	seen map[string]struct{}
	buf  []byte
}

// add reports whether the row in the frame is new.
func (d *distinctSet) add(rt *run, slots []int) (bool, error) {
	if err := rt.step(); err != nil {
		return false, err
	}
	d.buf = d.buf[:0]
	for _, s := range slots {
		d.buf = appendKey(d.buf, rt.f[s])
	}
	if _, ok := d.seen[string(d.buf)]; ok {
		return false, nil
	}
	if d.seen == nil {
		d.seen = map[string]struct{}{}
	}
	d.seen[string(d.buf)] = struct{}{}
	return true, rt.grow(int64(len(d.buf)) + 48)
}

type distinctOp struct {
	stage
	slots []int
	set   distinctSet
}

func (o *distinctOp) reset(*run) error { o.set = distinctSet{}; return nil }

func (o *distinctOp) push(rt *run) error {
	fresh, err := o.set.add(rt, o.slots)
	if err != nil || !fresh {
		return err
	}
	return o.emit(rt)
}

// sortOp keeps all rows, or the best few when a LIMIT follows.
type sortOp struct {
	stage
	keys []sortSpec
	live []int
	top  []eval // SKIP and LIMIT that follow, whose sum is all that is needed
	keep int    // rows worth keeping; -1 for all
	kept []sortRow
}

type sortRow struct{ keys, live []any }

func (o *sortOp) reset(rt *run) error {
	o.kept, o.keep = nil, -1
	if len(o.top) == 0 {
		return nil
	}
	o.keep = 0
	for _, e := range o.top {
		n, err := rt.count(e, "LIMIT")
		if err != nil {
			return err
		}
		o.keep += int(min(n, 1<<30))
	}
	return nil
}

func (o *sortOp) push(rt *run) error {
	if err := rt.step(); err != nil {
		return err
	}
	values := make([]any, len(o.keys)+len(o.live))
	row := sortRow{values[:len(o.keys)], values[len(o.keys):]}
	for i := range o.keys {
		v, err := o.keys[i].val(rt)
		if err != nil {
			return err
		}
		row.keys[i] = v
	}
	size := int64(48)
	for i, s := range o.live {
		row.live[i] = rt.f[s]
		size += 16 + sizeOf(row.live[i])
	}
	o.kept = append(o.kept, row)
	if o.keep >= 0 && len(o.kept) >= 2*o.keep+1024 {
		o.sort()
		clear(o.kept[o.keep:])
		o.kept = o.kept[:o.keep]
		return nil
	}
	if o.keep >= 0 && o.keep < 1<<16 {
		return nil
	}
	return rt.grow(size)
}

func (o *sortOp) sort() {
	sort.SliceStable(o.kept, func(i, j int) bool {
		a, b := o.kept[i].keys, o.kept[j].keys
		for k := range o.keys {
			if c := order(a[k], b[k]); c != 0 {
				return (c < 0) != o.keys[k].desc
			}
		}
		return false
	})
}

func (o *sortOp) flush(rt *run) error {
	o.sort()
	rows := o.kept
	o.kept = nil
	for _, row := range rows {
		for i, s := range o.live {
			rt.f[s] = row.live[i]
		}
		if err := o.emit(rt); err != nil {
			return err
		}
	}
	return nil
}

// count evaluates SKIP or LIMIT.
func (rt *run) count(e eval, what string) (int64, error) {
	v, err := e(rt)
	if err != nil {
		return 0, err
	}
	n, ok := v.(int64)
	if !ok {
		return 0, failed(SyntaxError, "InvalidArgumentType", "%s needs an integer, not %s", what, typeName(v))
	}
	if n < 0 {
		return 0, failed(SyntaxError, "NegativeIntegerArgument", "%s cannot be negative, as %d is", what, n)
	}
	return n, nil
}

type skipOp struct {
	stage
	n    eval
	left int64
}

func (o *skipOp) reset(rt *run) (err error) {
	o.left, err = rt.count(o.n, "SKIP")
	return err
}

func (o *skipOp) push(rt *run) error {
	if o.left > 0 {
		o.left--
		return nil
	}
	return o.emit(rt)
}

type limitOp struct {
	stage
	n    eval
	left int64
}

func (o *limitOp) reset(rt *run) (err error) {
	o.left, err = rt.count(o.n, "LIMIT")
	return err
}

func (o *limitOp) push(rt *run) error {
	if o.left <= 0 {
		return stopAt{o}
	}
	o.left--
	if err := o.emit(rt); err != nil {
		return err
	}
	if o.left == 0 {
		return stopAt{o}
	}
	return nil
}
