package cypher

// kind is a set of value types, for what can be said about an expression
// before it runs.
type kind uint16

const (
	kNull kind = 1 << iota
	kBool
	kInt
	kFloat
	kString
	kList
	kMap
	kNode
	kRel
	kPath
	kTemporal
	kDuration
	kAny    = kDuration<<1 - 1
	kNumber = kInt | kFloat
)

// typ is what is known of an expression's value: the types it may have, and
// those of its elements if it is a list.
type typ struct{ k, elem kind }

var anyType = typ{kAny, kAny}

func of(k kind) typ { return typ{k, kAny} }

// may reports whether a value of t can be one of k. Null passes everywhere.
func (t typ) may(k kind) bool { return t.k&(k|kNull) != 0 }

func (t typ) or(u typ) typ { return typ{t.k | u.k, t.elem | u.elem} }

// String names the types for error messages.
func (k kind) String() string {
	if k == kAny {
		return "any value"
	}
	names := []string{"null", "a boolean", "an integer", "a float", "a string", "a list", "a map", "a node", "a relationship", "a path", "a temporal value", "a duration"}
	text := ""
	for i, n := range names {
		if k&(1<<i) != 0 && n != "null" {
			if text != "" {
				text += " or "
			}
			text += n
		}
	}
	if text == "" {
		return "null"
	}
	return text
}

// typeOf is the static type of a literal.
func typeOf(v any) typ {
	switch v.(type) {
	case nil:
		return of(kNull)
	case bool:
		return of(kBool)
	case int64:
		return of(kInt)
	case float64:
		return of(kFloat)
	case string:
		return of(kString)
	}
	return anyType
}
