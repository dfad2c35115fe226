package bolt

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
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
	b := make([]byte, 0, 128)
	b = append(b, '[')
	for i, p := range parts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, p)
	}
	return uid(append(b, ']'))
}

// appendText appends a text as JSON. Nearly all are plain, and there are dozens
// in every change.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(text)
			if err != nil {
				panic(err) // texts can always be written
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
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

// key stands for an identity in an index: itself, or a hash where that would be
// too long. No identity begins like a hash.
func (u uid) key() string {
	if len(u) <= maxKey {
		return string(u)
	}
	sum := sha256.Sum256([]byte(u))
	return "#" + hex.EncodeToString(sum[:16])
}

// whole is the identity where its key does not tell it, and nil where it does.
func (u uid) whole() any {
	if len(u) <= maxKey {
		return nil
	}
	return string(u)
}

// maxKey bounds an identity that is its own key. An index of Neo4j takes entries
// of 8 kB; these are far shorter, because short entries make a flat tree.
const maxKey = 400

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

// indexed are the properties that are looked up, by label.
var indexed = func() map[string][]string {
	m := map[string][]string{}
	for _, l := range graph.Labels {
		m[l.Label] = append(m[l.Label], l.Index...)
	}
	return m
}()

// maxIndexed bounds, in bytes, the text of a property that has an index: Neo4j
// refuses a transaction with an entry of more than 8 kB.
const maxIndexed = 4000

// native returns properties as Neo4j can keep and show them, and those of them
// that it cannot keep exactly: a list of mixed values is shown as its JSON, and
// what is too much for an index shortened.
func native(p graph.Props, labels []string) (shown map[string]any, exact packed) {
	shown = make(map[string]any, len(p)+4)
	for name, v := range p {
		s := showable(v, isIndexed(labels, name))
		if !same(s, v) {
			if exact == nil {
				exact = packed{}
			}
			exact[name] = v
		}
		shown[neoName(name)] = s
	}
	return shown, exact
}

func showable(v any, looked bool) any {
	switch v := v.(type) {
	case string:
		if looked {
			return cut(v)
		}
	case []any:
		if uniform(v) && !looked {
			return v
		}
		text, err := appendJSON(nil, v)
		if err != nil {
			return "" // of what canonical values are made of there is none
		}
		if looked {
			return cut(string(text))
		}
		return string(text)
	}
	return v
}

// same reports whether showable left a value as it was: it makes texts of lists
// and shorter texts of texts, nothing else.
func same(shown, v any) bool {
	text, isText := shown.(string)
	if !isText {
		return true
	}
	was, wasText := v.(string)
	return wasText && len(text) == len(was)
}

// cut shortens a text to what an index takes.
func cut(text string) string {
	if len(text) <= maxIndexed {
		return text
	}
	return strings.ToValidUTF8(text[:maxIndexed], "")
}

func isIndexed(labels []string, prop string) bool {
	for _, l := range labels {
		if slices.Contains(indexed[l], prop) {
			return true
		}
	}
	return false
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
		if kind(v) != kind(list[0]) {
			return false
		}
	}
	return true
}

func kind(v any) byte {
	switch v.(type) {
	case bool:
		return 'b'
	case int64:
		return 'i'
	case float64:
		return 'f'
	}
	return 's'
}
