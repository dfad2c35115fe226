package cypher

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"assim/graph"
)

// plan turns steps into linked operators, asking the reader which way is
// cheapest.
func (rt *run) plan(parts []*pipelineSpec, all bool) *pipeline {
	p := &pipeline{distinct: len(parts) > 1 && !all}
	for _, spec := range parts {
		pl := &planner{rt: rt}
		for _, s := range spec.steps {
			pl.step(s)
		}
		sink := &sinkOp{p: p}
		sink.name = "Result"
		if rt.shown {
			sink.details = strings.Join(spec.columns, ", ")
		}
		pl.add(sink)
		p.parts = append(p.parts, &pipelinePart{pl.ops, spec.out})
	}
	p.current = p.parts[0]
	return p
}

type planner struct {
	rt  *run
	ops []operator
}

func (pl *planner) add(op operator) {
	if len(pl.ops) > 0 {
		pl.ops[len(pl.ops)-1].base().next = op
	}
	pl.ops = append(pl.ops, op)
}

func (pl *planner) step(s step) {
	switch s := s.(type) {
	case *matchStep:
		pl.match(s)
	case *unwindStep:
		pl.add(&unwindOp{stage: stage{name: "Unwind", details: s.text}, list: s.list, slot: s.slot})
	case *projectStep:
		pl.project(s)
	case *callStep:
		pl.add(&callOp{stage: stage{name: "Call", details: s.text}, callStep: s})
		if s.filter != nil {
			pl.add(&filterOp{stage{name: "Filter"}, s.filter})
		}
	}
}

func (pl *planner) project(s *projectStep) {
	if s.agg != nil {
		op := &aggregateOp{stage: stage{name: "Aggregate", details: s.text}, agg: s.agg}
		for _, it := range s.items {
			if it.grouped {
				op.after = append(op.after, it)
			} else {
				op.before = append(op.before, it)
			}
		}
		pl.add(op)
	} else {
		pl.add(&projectOp{stage{name: "Project", details: s.text}, s.items})
	}
	if s.distinct {
		pl.add(&distinctOp{stage: stage{name: "Distinct"}, slots: s.out})
	}
	if len(s.order) > 0 {
		op := &sortOp{stage: stage{name: "Sort"}, keys: s.order, live: s.live}
		if s.limit != nil {
			op.top = []eval{s.limit}
			if s.skip != nil {
				op.top = append(op.top, s.skip)
			}
		}
		pl.add(op)
	}
	if s.skip != nil {
		pl.add(&skipOp{stage: stage{name: "Skip"}, n: s.skip})
	}
	if s.limit != nil {
		pl.add(&limitOp{stage: stage{name: "Limit"}, n: s.limit})
	}
	if s.filter != nil {
		pl.add(&filterOp{stage{name: "Filter"}, s.filter})
	}
}

// match plans one MATCH; an optional one becomes a pipeline within one
// operator.
func (pl *planner) match(m *matchStep) {
	if !m.optional {
		mp := newMatchPlanner(pl, m)
		mp.plan()
		return
	}
	inner := &planner{rt: pl.rt}
	newMatchPlanner(inner, m).plan()
	op := &optionalOp{stage: stage{name: "Optional", details: m.text}, fresh: m.fresh}
	inner.add(&foundOp{of: op})
	op.inner = inner.ops
	pl.add(op)
}

// matchPlanner orders the parts of one pattern: it starts where the fewest
// nodes are and walks on where the fewest are expected, checking every
// condition as soon as what it reads is known.
type matchPlanner struct {
	*planner
	m      *matchStep
	filled []bool     // by slot: known so far, as all are that the clause does not fill
	rels   []*relSpec // still to walk
	walked []*relSpec
	filter []*filterSpec // still to check
	paths  []*pathSpec
	rows   float64 // expected so far
}

func newMatchPlanner(pl *planner, m *matchStep) *matchPlanner {
	mp := &matchPlanner{planner: pl, m: m, filled: make([]bool, len(pl.rt.f)), rows: 1}
	for i := range mp.filled {
		mp.filled[i] = true
	}
	for _, s := range m.fresh {
		mp.filled[s] = false
	}
	mp.rels = slices.Clone(m.rels)
	mp.filter = slices.Clone(m.filters)
	mp.paths = slices.Clone(m.paths)
	return mp
}

func (mp *matchPlanner) known(slot int) bool { return mp.filled[slot] }

func (mp *matchPlanner) allKnown(slots []int) bool {
	for _, s := range slots {
		if !mp.known(s) {
			return false
		}
	}
	return true
}

func (mp *matchPlanner) plan() {
	mp.settle()
	for _, n := range mp.m.nodes {
		if n.bound {
			mp.add(&scanOp{stage: stage{name: "Check", details: mp.nodeText(n)}, slot: n.slot, labels: n.labels, bound: true})
		}
	}
	done := map[*nodeSpec]bool{}
	for {
		if r, forward := mp.cheapestRel(); r != nil {
			mp.walk(r, forward)
			continue
		}
		if !mp.start(done) {
			break
		}
	}
	mp.settle()
	if len(mp.ops) == 0 {
		mp.add(&projectOp{stage{name: "Once"}, nil})
	}
}

// settle adds the conditions and paths that can be computed now.
func (mp *matchPlanner) settle() {
	for again := true; again; {
		again = false
		mp.filter = slices.DeleteFunc(mp.filter, func(f *filterSpec) bool {
			if !mp.allKnown(f.uses) {
				return false
			}
			mp.rows /= 3
			mp.add(&filterOp{stage{name: "Filter", details: f.text, estimate: mp.rows}, f.cond})
			return true
		})
		mp.paths = slices.DeleteFunc(mp.paths, func(p *pathSpec) bool {
			if !mp.allKnown(p.nodes) || !mp.relsWalked(p.rels) {
				return false
			}
			mp.add(&pathOp{stage{name: "Path"}, p})
			mp.filled[p.slot] = true
			again = true
			return true
		})
	}
}

func (mp *matchPlanner) relsWalked(slots []int) bool {
	for _, r := range mp.rels {
		if slices.Contains(slots, r.slot) {
			return false
		}
	}
	return true
}

// cheapestRel returns the relationship to walk next among those with a known
// end, and whether to walk it as written.
func (mp *matchPlanner) cheapestRel() (best *relSpec, forward bool) {
	bestCost := 0.0
	for _, r := range mp.rels {
		from, to := mp.known(mp.m.nodes[r.from].slot), mp.known(mp.m.nodes[r.to].slot)
		if !from && !to || r.shortest != "" && !(from && to) {
			continue
		}
		start := r.from
		if !from {
			start = r.to
		}
		cost := mp.fanOut(r, mp.m.nodes[start])
		if from && to {
			cost /= 1000
		}
		if best == nil || cost < bestCost {
			best, forward, bestCost = r, from, cost
		}
	}
	return best, forward
}

// fanOut estimates how many relationships of r one node has.
func (mp *matchPlanner) fanOut(r *relSpec, from *nodeSpec) float64 {
	rels := float64(mp.relCount(r))
	nodes := float64(mp.labelCount(from.labels))
	each := rels / max(nodes, 1)
	if r.variable {
		each = each*10 + 10
	}
	return max(each, 0.01)
}

func (mp *matchPlanner) relCount(r *relSpec) int64 {
	if len(r.types) == 0 {
		return mp.rt.r.RelCount("")
	}
	var n int64
	for _, t := range r.types {
		n += mp.rt.r.RelCount(t)
	}
	return n
}

func (mp *matchPlanner) labelCount(labels []string) int64 {
	if len(labels) == 0 {
		return mp.rt.r.Count("")
	}
	_, n := mp.rarest(labels)
	return n
}

// rarest returns the label that the fewest nodes carry.
func (mp *matchPlanner) rarest(labels []string) (string, int64) {
	best, least := "", int64(-1)
	for _, l := range labels {
		if n := mp.rt.r.Count(l); least < 0 || n < least {
			best, least = l, n
		}
	}
	return best, least
}

// rivals are the relationships walked so far that r may not be again.
func (mp *matchPlanner) rivals(r *relSpec) (others []*relSpec) {
	if r.disjoint {
		return nil
	}
	for _, o := range mp.walked {
		if overlap(o.types, r.types) {
			others = append(others, o)
		}
	}
	return others
}

// walk adds the operator for one relationship.
func (mp *matchPlanner) walk(r *relSpec, forward bool) {
	from, to, dir := mp.m.nodes[r.from], mp.m.nodes[r.to], r.dir
	if !forward {
		from, to = to, from
		dir = reverse(dir)
	}
	e := expandOp{rel: r, from: from.slot, to: to.slot, dir: dir, toBound: mp.known(to.slot), toLabels: to.labels}
	e.others = mp.rivals(r)
	mp.rows *= mp.fanOut(r, from)
	e.stage = stage{name: "Expand", details: mp.relText(from, r, dir, to), estimate: mp.rows}
	if e.toBound {
		e.stage.name = "ExpandInto"
	}
	switch {
	case r.shortest != "":
		e.stage.name = r.shortest
		mp.add(&shortestOp{e, r.shortest == "allShortestPaths"})
	case r.ends:
		e.stage.name = "Reach"
		mp.add(&reachOp{e})
	case r.variable && !forward && (r.keep || r.bound):
		e.stage.name = "WalkBack"
		mp.add(&walkBackOp{walkOp{expandOp: e}})
	case r.variable:
		e.stage.name = "Walk"
		mp.add(&walkOp{expandOp: e})
	default:
		mp.add(&e)
	}
	mp.filled[r.slot], mp.filled[to.slot] = true, true
	mp.rels = slices.DeleteFunc(mp.rels, func(x *relSpec) bool { return x == r })
	mp.walked = append(mp.walked, r)
	mp.settle()
}

func reverse(d graph.Dir) graph.Dir {
	switch d {
	case graph.Out:
		return graph.In
	case graph.In:
		return graph.Out
	}
	return d
}

// start adds a scan for the cheapest node that is not known yet.
func (mp *matchPlanner) start(done map[*nodeSpec]bool) bool {
	var best *scanOp
	var bestNode *nodeSpec
	bestCost := 0.0
	for _, n := range mp.m.nodes {
		if mp.known(n.slot) {
			continue
		}
		op, cost := mp.scan(n)
		if best == nil || cost < bestCost {
			best, bestNode, bestCost = op, n, cost
		}
	}
	if best == nil {
		return false
	}
	if mp.startRel(bestCost) {
		return true
	}
	mp.rows *= max(bestCost, 1)
	best.estimate = mp.rows
	mp.add(best)
	mp.filled[bestNode.slot] = true
	mp.settle()
	return true
}

// startRel starts from a relationship type that is rarer than any node.
func (mp *matchPlanner) startRel(nodeCost float64) bool {
	for _, r := range mp.rels {
		from, to := mp.m.nodes[r.from], mp.m.nodes[r.to]
		if r.variable || r.bound || r.shortest != "" || mp.known(from.slot) || mp.known(to.slot) || len(from.labels)+len(to.labels) > 0 {
			continue
		}
		cost := float64(mp.relCount(r))
		if cost*2 >= nodeCost {
			continue
		}
		mp.rows *= max(cost, 1)
		mp.add(&relScanOp{stage: stage{name: "ScanRels", details: mp.relText(from, r, r.dir, to), estimate: mp.rows}, types: r.types, slot: r.slot, from: from.slot, to: to.slot, dir: r.dir, loop: r.from == r.to, others: mp.rivals(r)})
		mp.filled[r.slot], mp.filled[from.slot], mp.filled[to.slot] = true, true, true
		mp.rels = slices.DeleteFunc(mp.rels, func(x *relSpec) bool { return x == r })
		mp.walked = append(mp.walked, r)
		mp.settle()
		return true
	}
	return false
}

// Costs of finding a node by other means than reading a whole label.
const (
	costKey   = 1
	costIndex = 2
)

// scan is the cheapest way to find candidates for a node.
func (mp *matchPlanner) scan(n *nodeSpec) (*scanOp, float64) {
	label, count := "", mp.rt.r.Count("")
	if len(n.labels) > 0 {
		label, count = mp.rarest(n.labels)
	}
	op := &scanOp{stage: stage{name: "Scan", details: mp.nodeText(n)}, slot: n.slot, label: label}
	cost := float64(count)
	for _, f := range mp.filter {
		if f.hint == hintNone || f.slot != n.slot || !mp.allKnown(f.valueUse) {
			continue
		}
		if c, l := mp.hintCost(f, n, float64(count)); c < cost || op.hint == nil && c <= cost {
			cost, op.hint, op.label = c, f, l
			op.name = hintText(f)
			if mp.rt.shown {
				op.details = mp.nodeText(n) + " by " + f.text
			}
		}
	}
	if op.hint != nil && op.hint.hint == hintEither {
		for _, f := range op.hint.either {
			_, label := mp.hintCost(f, n, cost)
			op.either = append(op.either, &scanOp{slot: n.slot, label: label, hint: f})
		}
	}
	for _, l := range n.labels {
		if l != op.label || op.hint != nil && op.hint.hint != hintProp {
			op.labels = append(op.labels, l)
		}
	}
	return op, cost
}

func hintText(f *filterSpec) string {
	if f.hint == hintKey || f.hint == hintID {
		return "Get"
	}
	return "LookUp"
}

// hintCost is what finding n through f costs, and with which label.
func (mp *matchPlanner) hintCost(f *filterSpec, n *nodeSpec, scan float64) (float64, string) {
	if f.hint == hintKey || f.hint == hintID {
		return costKey, ""
	}
	if f.hint == hintEither {
		sum := 0.0
		for _, way := range f.either {
			c, _ := mp.hintCost(way, n, scan)
			sum += c
		}
		return sum, ""
	}
	for _, l := range n.labels {
		if mp.rt.r.Indexed(l, f.prop) {
			return costIndex, l
		}
	}
	label := ""
	if len(n.labels) > 0 {
		label, _ = mp.rarest(n.labels)
	}
	return scan, label
}

// nodeText is what a plan shows of a node; nothing when nobody looks.
func (mp *matchPlanner) nodeText(n *nodeSpec) string {
	if !mp.rt.shown {
		return ""
	}
	text := n.name
	for _, l := range n.labels {
		text += ":" + l
	}
	return "(" + text + ")"
}

func (mp *matchPlanner) relText(from *nodeSpec, r *relSpec, dir graph.Dir, to *nodeSpec) string {
	if !mp.rt.shown {
		return ""
	}
	body := r.name
	if len(r.types) > 0 {
		body += ":" + strings.Join(r.types, "|")
	}
	if r.variable {
		body += fmt.Sprintf("*%d..", r.min)
		if r.max >= 0 {
			body += fmt.Sprint(r.max)
		}
	}
	left, right := "-[", "]-"
	switch dir {
	case graph.Out:
		right = "]->"
	case graph.In:
		left = "<-["
	}
	return mp.nodeText(from) + left + body + right + mp.nodeText(to)
}

func isNotFound(err error) bool { return errors.Is(err, graph.ErrNotFound) }

// describe lists the operators of a plan.
func (rt *run) describe(p *pipeline) *Plan {
	plan := &Plan{Reads: rt.reads, Profiled: rt.profiled}
	for i, part := range p.parts {
		depth := 0
		if len(p.parts) > 1 {
			plan.Operators = append(plan.Operators, PlanOperator{Name: "Union", Details: fmt.Sprintf("part %d", i+1)})
			depth = 1
		}
		plan.list(part.ops, depth)
	}
	for n, spec := range rt.q.subs {
		if rt.subs[n] == nil {
			rt.subs[n] = rt.plan(spec.parts, spec.all)
		}
		plan.Operators = append(plan.Operators, PlanOperator{Name: "Subquery", Details: spec.kind})
		for _, part := range rt.subs[n].parts {
			plan.list(part.ops, 1)
		}
	}
	return plan
}

func (p *Plan) list(ops []operator, depth int) {
	for _, op := range ops {
		s := op.base()
		if _, ok := op.(*foundOp); ok {
			continue
		}
		p.Operators = append(p.Operators, PlanOperator{s.name, s.details, depth, s.estimate, s.rows})
		if o, ok := op.(*optionalOp); ok {
			p.list(o.inner, depth+1)
		}
	}
}
