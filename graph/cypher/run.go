package cypher

import (
	"context"
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"assim/graph"
)

// Limits bound what one query may take. The zero value means the defaults.
type Limits struct {
	Rows   int           // rows returned; more is an error, not a silent cut
	Time   time.Duration // from Run to the last row
	Memory int64         // bytes kept for sorting, grouping, DISTINCT and in one value, estimated
	Now    time.Time     // what datetime() and the like answer; zero means the clock when Run is called
}

// The limits that apply where a Limits is zero.
const (
	DefaultRows   = 1_000_000
	DefaultTime   = 30 * time.Second
	DefaultMemory = 256 << 20
)

func (l Limits) orDefaults() Limits {
	if l.Rows <= 0 {
		l.Rows = DefaultRows
	}
	if l.Time <= 0 {
		l.Time = DefaultTime
	}
	if l.Memory <= 0 {
		l.Memory = DefaultMemory
	}
	if l.Now.IsZero() {
		l.Now = time.Now()
	}
	return l
}

// run is one execution of a query: its frame, its reader and what it has used.
type run struct {
	ctx      context.Context
	r        graph.Reader
	q        *compiled
	params   map[string]any
	lim      Limits
	start    time.Time
	f        []any
	subs     []*pipeline
	regexps  map[string]*regexp.Regexp
	nodes    map[graph.NodeID]*Node // some that were looked up
	rnd      *rand.Rand
	steps    uint
	bytes    int64
	reads    int64
	profiled bool
	shown    bool // the plan is looked at, so it needs words
}

// checkEvery is how many steps pass between looks at the clock.
const checkEvery = 256

// step counts one unit of work and enforces time and cancellation.
func (rt *run) step() error {
	rt.steps++
	if rt.steps%checkEvery != 0 {
		return nil
	}
	if err := rt.ctx.Err(); err != nil {
		return err
	}
	if time.Since(rt.start) > rt.lim.Time {
		return failed(LimitError, "TimeLimit", "the query took longer than %v; narrow it or allow more time", rt.lim.Time)
	}
	return nil
}

// grow counts bytes that stay until the query ends.
func (rt *run) grow(n int64) error {
	rt.bytes += n
	return rt.size(rt.bytes)
}

// size refuses one value, or all that is kept, beyond the memory limit.
func (rt *run) size(n int64) error {
	if n > rt.lim.Memory {
		return failed(LimitError, "MemoryLimit", "the query needs more than %d MB of memory; narrow it or use LIMIT", rt.lim.Memory>>20)
	}
	return nil
}

// maxNodes bounds the nodes a run remembers, to look each up once.
const maxNodes = 1024

// load fills in a node that was only walked to so far.
func (rt *run) load(n *Node) error {
	if n.loaded {
		return nil
	}
	if known := rt.nodes[n.id]; known != nil {
		n.v, n.loaded = known.v, true
		return nil
	}
	rt.reads++
	v, err := rt.r.Node(n.id)
	if err != nil {
		return err
	}
	n.v, n.loaded = v, true
	if rt.nodes == nil || len(rt.nodes) >= maxNodes {
		rt.nodes = map[graph.NodeID]*Node{}
	}
	rt.nodes[n.id] = n
	return nil
}

// property is v.name.
func (rt *run) property(v any, name string) (any, error) {
	switch x := v.(type) {
	case nil:
		return nil, nil
	case *Node:
		if err := rt.load(x); err != nil {
			return nil, err
		}
		return x.v.Props[name], nil
	case *Rel:
		return x.e.Props[name], nil
	case map[string]any:
		return x[name], nil
	case string:
		if t := anyTemporal(x); t != nil {
			return component(t, name)
		}
	}
	if isTemporal(v) {
		return component(v, name)
	}
	return nil, failed(TypeError, "InvalidArgumentType", "%s has no properties, so no .%s", typeName(v), name)
}

// props returns all properties of a node, relationship or map.
func (rt *run) props(v any) (map[string]any, error) {
	switch x := v.(type) {
	case *Node:
		err := rt.load(x)
		return x.v.Props, err
	case *Rel:
		return x.e.Props, nil
	case map[string]any:
		return x, nil
	}
	return nil, failed(TypeError, "InvalidArgumentType", "%s has no properties", typeName(v))
}

func (rt *run) hasLabels(n *Node, labels []string) (bool, error) {
	if err := rt.load(n); err != nil {
		return false, err
	}
	for _, l := range labels {
		if !slices.Contains(n.v.Labels, l) {
			return false, nil
		}
	}
	return true, nil
}

// subscript is v[i].
func (rt *run) subscript(v, i any) (any, error) {
	if v == nil || i == nil {
		return nil, nil
	}
	switch x := v.(type) {
	case []any:
		n, ok := i.(int64)
		if !ok {
			return nil, failed(TypeError, "ListElementAccessByNonInteger", "a list is subscripted by an integer, not %s", typeName(i))
		}
		if n < 0 {
			n += int64(len(x))
		}
		if n < 0 || n >= int64(len(x)) {
			return nil, nil
		}
		return x[n], nil
	case *Node, *Rel, map[string]any:
		name, ok := i.(string)
		if !ok {
			return nil, failed(TypeError, "MapElementAccessByNonString", "%s is subscripted by a string, not %s", typeName(v), typeName(i))
		}
		return rt.property(v, name)
	}
	return nil, failed(TypeError, "InvalidArgumentType", "%s cannot be subscripted", typeName(v))
}

// sliceEnd evaluates one end of list[low..high]; ok is false when it is null.
func (rt *run) sliceEnd(end eval, missing, size int) (n int, ok bool, err error) {
	if end == nil {
		return missing, true, nil
	}
	v, err := end(rt)
	if err != nil || v == nil {
		return 0, false, err
	}
	i, isInt := v.(int64)
	if !isInt {
		return 0, false, failed(TypeError, "InvalidArgumentType", "a list is sliced by integers, not %s", typeName(v))
	}
	if i < 0 {
		i += int64(size)
	}
	return int(min(max(i, 0), int64(size))), true, nil
}

// items evaluates a list; ok is false when it is null.
func (rt *run) items(list eval) (items []any, ok bool, err error) {
	v, err := list(rt)
	if err != nil || v == nil {
		return nil, false, err
	}
	items, ok = v.([]any)
	if !ok {
		return nil, false, failed(TypeError, "InvalidArgumentType", "a list is needed here, not %s", typeName(v))
	}
	return items, true, nil
}

// maxRegexps bounds the patterns one run keeps compiled.
const maxRegexps = 64

func (rt *run) regexp(pattern string) (*regexp.Regexp, error) {
	if re := rt.regexps[pattern]; re != nil {
		return re, nil
	}
	re, err := regexp.Compile("^(?s:" + pattern + ")$")
	if err != nil {
		if _, own := regexp.Compile(pattern); own != nil { // as it was written
			err = own
		}
		return nil, failed(ArgumentError, "InvalidArgumentValue", "%q is not a regular expression: %s", pattern, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if rt.regexps == nil || len(rt.regexps) >= maxRegexps {
		rt.regexps = map[string]*regexp.Regexp{}
	}
	rt.regexps[pattern] = re
	return re, nil
}

// errStop ends a pipeline early without being an error.
var errStop = errors.New("enough")

// sub runs a subquery over the frame as it is.
func (rt *run) sub(n int) (any, error) {
	if rt.subs[n] == nil {
		rt.subs[n] = rt.plan(rt.q.subs[n].parts, rt.q.subs[n].all)
	}
	spec := rt.q.subs[n]
	switch spec.kind {
	case "COLLECT":
		list, made := []any{}, int64(0)
		err := rt.subs[n].run(rt, func() error {
			v, err := rt.collected(spec, rt.subs[n])
			if err != nil {
				return err
			}
			list = append(list, v)
			made += 16 + sizeOf(v)
			return rt.size(made)
		})
		return list, err
	case "COUNT":
		count := int64(0)
		err := rt.subs[n].run(rt, func() error { count++; return nil })
		return count, err
	}
	found := false
	err := rt.subs[n].run(rt, func() error { found = true; return errStop })
	return found, err
}

func (rt *run) collected(spec *subquery, p *pipeline) (any, error) {
	if spec.project != nil {
		return spec.project(rt)
	}
	return rt.f[p.current.out[0]], nil
}

// random is seeded by the time the query runs at, so that equal Limits repeat
// equal answers.
func (rt *run) random() float64 {
	if rt.rnd == nil {
		seed := uint64(rt.lim.Now.UnixNano())
		rt.rnd = rand.New(rand.NewPCG(seed, seed>>7))
	}
	return rt.rnd.Float64()
}
