package bolt

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"assim/graph"
)

// uid names an element for ever: a JSON list of label and identity, and for a
// relationship also type, label and identity of the other end, and ID.
type uid string

const (
	nodeParts = 2
	relParts  = 6
)

func nodeUID(k graph.Key) uid { return join(k.Label, k.ID) }

func relUID(k graph.RelKey) uid {
	return join(k.From.Label, k.From.ID, k.Type, k.To.Label, k.To.ID, k.ID)
}

func join(parts ...string) uid {
	b, err := json.Marshal(parts)
	if err != nil {
		panic(err) // texts can always be written
	}
	return uid(b)
}

// element is an identity taken apart.
type element struct {
	isRel bool
	node  graph.Key
	rel   graph.RelKey
}

func (u uid) parse() (element, error) {
	var p []string
	if err := json.Unmarshal([]byte(u), &p); err != nil {
		return element{}, fmt.Errorf("identity %.80q is damaged: %w", string(u), err)
	}
	switch len(p) {
	case nodeParts:
		return element{node: graph.Key{Label: p[0], ID: p[1]}}, nil
	case relParts:
		k := graph.RelKey{From: graph.Key{Label: p[0], ID: p[1]}, Type: p[2], To: graph.Key{Label: p[3], ID: p[4]}, ID: p[5]}
		return element{isRel: true, rel: k}, nil
	}
	return element{}, fmt.Errorf("identity %.80q has %d parts, not %d or %d", string(u), len(p), nodeParts, relParts)
}

// short stands for an identity where its length would be too much for an index.
func (u uid) short() string {
	sum := sha256.Sum256([]byte(u))
	return hex.EncodeToString(sum[:16])
}

// quote makes a name of ours one in Cypher text. A backslash is written as an
// escape, because \u0060 would end the name.
func quote(name string) string {
	name = strings.ReplaceAll(name, `\`, `\u005C`)
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// labelText returns ":`A`:`B`" and nothing for no labels.
func labelText(labels []string) string {
	var b strings.Builder
	for _, l := range labels {
		b.WriteString(":" + quote(l))
	}
	return b.String()
}

// allLabels returns the labels that a node carries besides AssimNode.
func allLabels(k graph.Key, extra []string) []string {
	if k.Label == "" {
		return append([]string{}, extra...)
	}
	return append([]string{k.Label}, extra...)
}

const indexPrefix = "_is_"

// maxIndexed bounds the text in an index; longer ones are hashed.
const maxIndexed = 200

// indexText is equal for exactly those values that Cypher calls equal.
func indexText(v any) string {
	b := graph.AppendEqual(nil, v)
	if len(b) > maxIndexed {
		sum := sha256.Sum256(b)
		b = sum[:]
	}
	return hex.EncodeToString(b)
}

// indexed are the properties that are looked up, by label.
var indexed = func() map[string][]string {
	m := map[string][]string{}
	for _, l := range graph.Labels {
		m[l.Label] = append(m[l.Label], l.Index...)
	}
	return m
}()

// native returns properties as Neo4j can keep and show them. A list of mixed
// values becomes its JSON; _state has the list itself.
func native(p graph.Props) map[string]any {
	out := make(map[string]any, len(p)+8)
	for name, v := range p {
		if list, ok := v.([]any); ok && !uniform(list) {
			text, err := appendJSON(nil, list)
			if err != nil {
				continue
			}
			v = string(text)
		}
		out[neoName(name)] = v
	}
	return out
}

// neoName and ourName are what native does to names and back.
func neoName(name string) string {
	if strings.HasPrefix(name, "_") {
		return "_" + name
	}
	return name
}

func ourName(name string) string {
	if strings.HasPrefix(name, "__") {
		return name[1:]
	}
	return name
}

func uniform(list []any) bool {
	for _, v := range list[min(1, len(list)):] {
		if fmt.Sprintf("%T", v) != fmt.Sprintf("%T", list[0]) {
			return false
		}
	}
	return true
}
