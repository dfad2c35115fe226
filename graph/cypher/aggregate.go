package cypher

import (
	"math"
	"sort"
)

// aggregateOp groups rows by its keys.
type aggregateOp struct {
	stage
	agg    *aggregation
	before []projected // grouping items that must be computed
	after  []projected // items that hold aggregates
	groups map[string]*group
	order  []*group
	buf    []byte
}

type group struct {
	keys []any
	accs []accumulator
}

func (o *aggregateOp) reset(*run) error {
	o.groups, o.order = map[string]*group{}, nil
	return nil
}

func (o *aggregateOp) push(rt *run) error {
	if err := rt.step(); err != nil {
		return err
	}
	if err := rt.compute(o.before); err != nil {
		return err
	}
	o.buf = o.buf[:0]
	for _, s := range o.agg.keys {
		o.buf = appendKey(o.buf, rt.f[s])
	}
	g := o.groups[string(o.buf)]
	if g == nil {
		g = o.newGroup(rt)
		o.groups[string(o.buf)] = g
		if err := rt.grow(int64(len(o.buf)) + 128); err != nil {
			return err
		}
	}
	for i, spec := range o.agg.specs {
		if err := g.accs[i].add(rt, spec); err != nil {
			return err
		}
	}
	return nil
}

func (o *aggregateOp) newGroup(rt *run) *group {
	g := &group{accs: make([]accumulator, len(o.agg.specs))}
	for _, s := range o.agg.keys {
		g.keys = append(g.keys, rt.f[s])
	}
	o.order = append(o.order, g)
	return g
}

func (o *aggregateOp) flush(rt *run) error {
	if len(o.order) == 0 && len(o.agg.keys) == 0 {
		o.newGroup(rt)
	}
	groups := o.order
	o.order = nil
	for _, g := range groups {
		for i, s := range o.agg.keys {
			rt.f[s] = g.keys[i]
		}
		for i, spec := range o.agg.specs {
			v, err := g.accs[i].result(spec)
			if err != nil {
				return err
			}
			rt.f[spec.slot] = v
		}
		if err := rt.compute(o.after); err != nil {
			return err
		}
		if err := o.emit(rt); err != nil {
			return err
		}
	}
	return nil
}

// accumulator is the state of one aggregate in one group.
type accumulator struct {
	n        int64
	sum      float64
	isum     int64
	float    bool
	duration Duration
	isDur    bool
	best     any
	list     []any
	mean, m2 float64 // Welford's
	fraction float64
	seen     *distinctSet
}

func (a *accumulator) add(rt *run, spec *aggSpec) error {
	if spec.arg == nil {
		a.n++
		return nil
	}
	v, err := spec.arg(rt)
	if err != nil {
		return err
	}
	if spec.fraction != nil && a.n == 0 {
		if err := a.setFraction(rt, spec); err != nil {
			return err
		}
	}
	if v == nil {
		return nil
	}
	if spec.distinct {
		if a.seen == nil {
			a.seen = &distinctSet{}
		}
		fresh, err := a.seen.addValue(rt, v)
		if err != nil || !fresh {
			return err
		}
	}
	a.n++
	switch spec.name {
	case "count":
		return nil
	case "min":
		if a.best == nil || order(v, a.best) < 0 {
			a.best = v
		}
		return nil
	case "max":
		if a.best == nil || order(v, a.best) > 0 {
			a.best = v
		}
		return nil
	case "collect":
		a.list = append(a.list, v)
		return rt.grow(16 + sizeOf(v))
	}
	return a.addNumber(rt, spec, v)
}

func (d *distinctSet) addValue(rt *run, v any) (bool, error) {
	d.buf = appendKey(d.buf[:0], v)
	if _, ok := d.seen[string(d.buf)]; ok {
		return false, nil
	}
	if d.seen == nil {
		d.seen = map[string]struct{}{}
	}
	d.seen[string(d.buf)] = struct{}{}
	return true, rt.grow(int64(len(d.buf)) + 48)
}

func (a *accumulator) setFraction(rt *run, spec *aggSpec) error {
	v, err := spec.fraction(rt)
	if err != nil {
		return err
	}
	f, ok := number(v)
	if !ok {
		return failed(TypeError, "InvalidArgumentType", "%s() needs a number from 0 to 1, not %s", spec.name, typeName(v))
	}
	if f < 0 || f > 1 || math.IsNaN(f) {
		return failed(ArgumentError, "NumberOutOfRange", "%s() needs a number from 0 to 1, not %v", spec.name, v)
	}
	a.fraction = f
	return nil
}

func (a *accumulator) addNumber(rt *run, spec *aggSpec, v any) error {
	if d, ok := v.(Duration); ok && (spec.name == "sum" || spec.name == "avg") {
		a.isDur = true
		a.duration = a.duration.plus(d)
		return nil
	}
	f, ok := number(v)
	if !ok {
		return failed(TypeError, "InvalidArgumentType", "%s() needs numbers, not %s", spec.name, typeName(v))
	}
	switch spec.name {
	case "percentilecont", "percentiledisc":
		a.list = append(a.list, v)
		return rt.grow(32)
	}
	if i, ok := v.(int64); ok && !a.float {
		sum := a.isum + i
		if (sum > a.isum) != (i > 0) && i != 0 {
			a.float = true
		}
		a.isum = sum
	} else {
		a.float = true
	}
	a.sum += f
	delta := f - a.mean
	a.mean += delta / float64(a.n)
	a.m2 += delta * (f - a.mean)
	return nil
}

func (a *accumulator) result(spec *aggSpec) (any, error) {
	switch spec.name {
	case "count":
		return a.n, nil
	case "min", "max":
		return a.best, nil
	case "collect":
		if a.list == nil {
			return []any{}, nil
		}
		return a.list, nil
	case "sum":
		switch {
		case a.isDur:
			return a.duration, nil
		case a.float:
			return a.sum, nil
		}
		return a.isum, nil
	}
	if a.n == 0 {
		if spec.name == "stdev" || spec.name == "stdevp" {
			return 0.0, nil
		}
		return nil, nil
	}
	switch spec.name {
	case "avg":
		if a.isDur {
			return a.duration.scaled(1 / float64(a.n))
		}
		return a.sum / float64(a.n), nil
	case "stdev":
		if a.n < 2 {
			return 0.0, nil
		}
		return math.Sqrt(a.m2 / float64(a.n-1)), nil
	case "stdevp":
		return math.Sqrt(a.m2 / float64(a.n)), nil
	}
	return a.percentile(spec.name == "percentilecont"), nil
}

// percentile interpolates between neighbors when cont, else picks one.
func (a *accumulator) percentile(cont bool) any {
	sort.SliceStable(a.list, func(i, j int) bool { return order(a.list[i], a.list[j]) < 0 })
	if !cont {
		at := int(math.Ceil(a.fraction*float64(len(a.list)))) - 1
		return a.list[max(at, 0)]
	}
	at := a.fraction * float64(len(a.list)-1)
	low := int(math.Floor(at))
	x, _ := number(a.list[low])
	if low+1 >= len(a.list) {
		return x
	}
	y, _ := number(a.list[low+1])
	return x + (y-x)*(at-float64(low))
}
