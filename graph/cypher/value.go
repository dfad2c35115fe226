package cypher

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"assim/graph"
)

// Values are nil, bool, int64, float64, string, []any, map[string]any, *Node,
// *Rel, *Path and the temporal values.

// Node is a node in a result.
type Node struct {
	id     graph.NodeID
	v      graph.Vertex
	loaded bool // v is filled; a node that is only walked through never is
}

// Vertex returns all that is known of the node.
func (n *Node) Vertex() graph.Vertex { return n.v }

// ID returns the node's handle within the reader it came from.
func (n *Node) ID() graph.NodeID { return n.id }

// Rel is a relationship in a result.
type Rel struct{ e graph.Edge }

// Edge returns all that is known of the relationship.
func (r *Rel) Edge() graph.Edge { return r.e }

// Path is a walk: len(Nodes) is len(Rels)+1.
type Path struct {
	Nodes []*Node
	Rels  []*Rel
}

// Equal is Cypher's "=": true, false, or nil for unknown.
func equal(a, b any) any {
	if a == nil || b == nil {
		return nil
	}
	switch x := a.(type) {
	case int64:
		switch y := b.(type) {
		case int64:
			return x == y
		case float64:
			return float64(x) == y
		}
		return false
	case float64:
		switch y := b.(type) {
		case int64:
			return x == float64(y)
		case float64:
			return x == y
		}
		return false
	case string:
		y, ok := b.(string)
		return ok && x == y
	case bool:
		y, ok := b.(bool)
		return ok && x == y
	case []any:
		y, ok := b.([]any)
		if !ok {
			return false
		}
		return equalLists(x, y)
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			return false
		}
		return equalMaps(x, y)
	}
	return same(a, b)
}

func equalLists(a, b []any) any {
	if len(a) != len(b) {
		return false
	}
	var result any = true
	for i := range a {
		switch equal(a[i], b[i]) {
		case false:
			return false
		case nil:
			result = nil
		}
	}
	return result
}

func equalMaps(a, b map[string]any) any {
	if len(a) != len(b) {
		return false
	}
	var result any = true
	for k, v := range a {
		w, ok := b[k]
		if !ok {
			return false
		}
		switch equal(v, w) {
		case false:
			return false
		case nil:
			result = nil
		}
	}
	return result
}

// same compares entities and temporal values, for which there is no unknown.
func same(a, b any) bool {
	switch x := a.(type) {
	case *Node:
		y, ok := b.(*Node)
		return ok && x.id == y.id
	case *Rel:
		y, ok := b.(*Rel)
		return ok && x.e.ID == y.e.ID
	case *Path:
		y, ok := b.(*Path)
		return ok && samePath(x, y)
	}
	c, ok := compareTemporal(a, b)
	return ok && c == 0
}

func samePath(a, b *Path) bool {
	if len(a.Nodes) != len(b.Nodes) {
		return false
	}
	for i := range a.Nodes {
		if a.Nodes[i].id != b.Nodes[i].id {
			return false
		}
	}
	for i := range a.Rels {
		if a.Rels[i].e.ID != b.Rels[i].e.ID {
			return false
		}
	}
	return true
}

// compare is Cypher's "<": -1, 0 or 1; known is false where the answer is
// null: other types, nulls, NaN.
func compare(a, b any) (c int, known bool) {
	switch x := a.(type) {
	case int64:
		switch y := b.(type) {
		case int64:
			return cmp(x, y), true
		case float64:
			return cmpFloat(float64(x), y)
		}
	case float64:
		switch y := b.(type) {
		case int64:
			return cmpFloat(x, float64(y))
		case float64:
			return cmpFloat(x, y)
		}
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), true
		}
	case bool:
		if y, ok := b.(bool); ok {
			return cmp(truthRank(x), truthRank(y)), true
		}
	case []any:
		if y, ok := b.([]any); ok {
			return compareLists(x, y)
		}
	case nil:
	default:
		if _, isDuration := a.(Duration); !isDuration {
			return compareTemporal(a, b)
		}
	}
	return 0, false
}

func compareLists(a, b []any) (int, bool) {
	for i := range min(len(a), len(b)) {
		if a[i] == nil || b[i] == nil {
			return 0, false
		}
		c, known := compare(a[i], b[i])
		if !known {
			return 0, false
		}
		if c != 0 {
			return c, true
		}
	}
	return cmp(len(a), len(b)), true
}

func cmp[T int | int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func cmpFloat(a, b float64) (int, bool) {
	if math.IsNaN(a) || math.IsNaN(b) {
		return 0, false
	}
	return cmp(a, b), true
}

func truthRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The order of types in ORDER BY, ascending.
func typeRank(v any) int {
	switch v.(type) {
	case map[string]any:
		return 0
	case *Node:
		return 1
	case *Rel:
		return 2
	case []any:
		return 3
	case *Path:
		return 4
	case DateTime:
		return 5
	case LocalDateTime:
		return 6
	case Date:
		return 7
	case Time:
		return 8
	case LocalTime:
		return 9
	case Duration:
		return 10
	case string:
		return 11
	case bool:
		return 12
	case int64, float64:
		return 13
	}
	return 14 // null is the largest
}

// order is the total order of ORDER BY, min and max.
func order(a, b any) int {
	ra, rb := typeRank(a), typeRank(b)
	if ra != rb {
		return cmp(ra, rb)
	}
	switch x := a.(type) {
	case nil:
		return 0
	case float64, int64:
		return orderNumbers(a, b)
	case []any:
		y := b.([]any)
		for i := range min(len(x), len(y)) {
			if c := order(x[i], y[i]); c != 0 {
				return c
			}
		}
		return cmp(len(x), len(y))
	case map[string]any:
		return orderMaps(x, b.(map[string]any))
	case *Node:
		return cmp(int64(x.id), int64(b.(*Node).id))
	case *Rel:
		return cmp(int64(x.e.ID), int64(b.(*Rel).e.ID))
	case *Path:
		return orderPaths(x, b.(*Path))
	case Duration:
		return x.compare(b.(Duration))
	}
	c, _ := compare(a, b)
	return c
}

func orderNumbers(a, b any) int {
	if c, known := compare(a, b); known {
		return c
	}
	return cmp(truthRank(isNaN(a)), truthRank(isNaN(b)))
}

func isNaN(v any) bool {
	f, ok := v.(float64)
	return ok && math.IsNaN(f)
}

func orderMaps(a, b map[string]any) int {
	ka, kb := sortedKeys(a), sortedKeys(b)
	for i := range min(len(ka), len(kb)) {
		if c := strings.Compare(ka[i], kb[i]); c != 0 {
			return c
		}
		if c := order(a[ka[i]], b[kb[i]]); c != 0 {
			return c
		}
	}
	return cmp(len(ka), len(kb))
}

func orderPaths(a, b *Path) int {
	for i := range min(len(a.Nodes), len(b.Nodes)) {
		if c := cmp(int64(a.Nodes[i].id), int64(b.Nodes[i].id)); c != 0 {
			return c
		}
		if i < len(a.Rels) && i < len(b.Rels) {
			if c := cmp(int64(a.Rels[i].e.ID), int64(b.Rels[i].e.ID)); c != 0 {
				return c
			}
		}
	}
	return cmp(len(a.Nodes), len(b.Nodes))
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// appendKey appends a form of v that is equal for equivalent values, as
// grouping and DISTINCT need it: null is equivalent to null, 1 to 1.0.
func appendKey(b []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return append(b, 'n', ';')
	case bool:
		return append(strconv.AppendBool(append(b, 'b'), x), ';')
	case int64:
		return append(strconv.AppendInt(append(b, 'i'), x, 10), ';')
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<62 {
			return append(strconv.AppendInt(append(b, 'i'), int64(x), 10), ';')
		}
		return append(strconv.AppendFloat(append(b, 'f'), x, 'g', -1, 64), ';')
	case string:
		b = strconv.AppendInt(append(b, 's'), int64(len(x)), 10)
		return append(append(b, ':'), x...)
	case []any:
		b = strconv.AppendInt(append(b, 'l'), int64(len(x)), 10)
		b = append(b, ':')
		for _, item := range x {
			b = appendKey(b, item)
		}
		return b
	case map[string]any:
		b = strconv.AppendInt(append(b, 'm'), int64(len(x)), 10)
		b = append(b, ':')
		for _, k := range sortedKeys(x) {
			b = appendKey(appendKey(b, k), x[k])
		}
		return b
	case *Node:
		return append(strconv.AppendInt(append(b, 'N'), int64(x.id), 10), ';')
	case *Rel:
		return append(strconv.AppendInt(append(b, 'R'), int64(x.e.ID), 10), ';')
	case *Path:
		b = strconv.AppendInt(append(b, 'P'), int64(len(x.Nodes)), 10)
		for i, n := range x.Nodes {
			b = appendKey(b, n)
			if i < len(x.Rels) {
				b = appendKey(b, x.Rels[i])
			}
		}
		return b
	}
	return appendTemporalKey(b, v)
}

// sizeOf estimates the bytes v keeps alive, for the memory limit.
func sizeOf(v any) int64 {
	switch x := v.(type) {
	case string:
		return int64(len(x)) + 16
	case []any:
		size := int64(24)
		for _, item := range x {
			size += 16 + sizeOf(item)
		}
		return size
	case map[string]any:
		size := int64(48)
		for k, item := range x {
			size += int64(len(k)) + 48 + sizeOf(item)
		}
		return size
	case *Node, *Rel:
		return 160
	case *Path:
		return int64(len(x.Nodes))*320 + 48
	}
	return 16
}

// typeName names a value's type in error messages.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a string"
	case []any:
		return "a list"
	case map[string]any:
		return "a map"
	case *Node:
		return "a node"
	case *Rel:
		return "a relationship"
	case *Path:
		return "a path"
	case Date:
		return "a date"
	case Time:
		return "a time"
	case LocalTime:
		return "a local time"
	case DateTime:
		return "a date-time"
	case LocalDateTime:
		return "a local date-time"
	case Duration:
		return "a duration"
	}
	return fmt.Sprintf("a %T", v)
}

// number returns v as a float64 when it is a number.
func number(v any) (float64, bool) {
	switch x := v.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}
