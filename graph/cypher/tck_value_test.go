package cypher

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// expectedText brings a cell of the TCK's tables into the form actualText
// has: labels and keys sorted, numbers normalized.
func expectedText(cell string, anyListOrder bool) (string, error) {
	p := &cellParser{s: cell, anyOrder: anyListOrder}
	out := p.value()
	p.space()
	if p.err == nil && p.i < len(p.s) {
		p.err = fmt.Errorf("cell %q: %q is left over", cell, p.s[p.i:])
	}
	return out, p.err
}

type cellParser struct {
	s        string
	i        int
	anyOrder bool
	err      error
}

func (p *cellParser) space() {
	for p.i < len(p.s) && p.s[p.i] == ' ' {
		p.i++
	}
}

func (p *cellParser) take(s string) bool {
	p.space()
	if strings.HasPrefix(p.s[p.i:], s) {
		p.i += len(s)
		return true
	}
	return false
}

func (p *cellParser) value() string {
	p.space()
	if p.i >= len(p.s) {
		p.err = fmt.Errorf("cell %q ends too early", p.s)
		return ""
	}
	switch c := p.s[p.i]; {
	case c == '\'':
		return p.str()
	case c == '[':
		return p.listOrRel()
	case c == '{':
		return p.props()
	case c == '(':
		return p.node()
	case c == '<':
		return p.path()
	}
	start := p.i
	for p.i < len(p.s) && !strings.ContainsRune(",]}): ", rune(p.s[p.i])) {
		p.i++
	}
	word := p.s[start:p.i]
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	if f, err := strconv.ParseFloat(word, 64); err == nil {
		return formatFloat(f)
	}
	if word == "" {
		p.err = fmt.Errorf("cell %q: no value at %d", p.s, start)
		p.i++
	}
	return word
}

func (p *cellParser) str() string {
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		switch {
		case p.s[p.i] == '\\' && p.i+1 < len(p.s) && (p.s[p.i+1] == '\'' || p.s[p.i+1] == '\\'):
			p.i++
			b.WriteByte(p.s[p.i])
		case p.s[p.i] == '\'':
			p.i++
			return strconv.Quote(b.String())
		default:
			b.WriteByte(p.s[p.i])
		}
	}
	return strconv.Quote(b.String())
}

func (p *cellParser) listOrRel() string {
	p.i++
	p.space()
	if p.i < len(p.s) && p.s[p.i] == ':' {
		return p.rel()
	}
	var items []string
	for !p.take("]") && p.err == nil {
		items = append(items, p.value())
		p.take(",")
	}
	return joinList(items, p.anyOrder)
}

func joinList(items []string, anyOrder bool) string {
	if anyOrder {
		sort.Strings(items)
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (p *cellParser) word() string {
	p.space()
	start := p.i
	for p.i < len(p.s) && !strings.ContainsRune(" :{})]|,", rune(p.s[p.i])) {
		p.i++
	}
	return strings.Trim(p.s[start:p.i], "`")
}

// rel reads what follows "[".
func (p *cellParser) rel() string {
	p.take(":")
	out := "[:" + p.word()
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '{' {
		out += p.props()
	} else {
		out += "{}"
	}
	p.take("]")
	return out + "]"
}

func (p *cellParser) props() string {
	p.i++
	var items []string
	for !p.take("}") && p.err == nil {
		key := p.word()
		p.take(":")
		items = append(items, key+":"+p.value())
		p.take(",")
	}
	sort.Strings(items)
	return "{" + strings.Join(items, ",") + "}"
}

func (p *cellParser) node() string {
	p.i++
	var labels []string
	for p.take(":") {
		labels = append(labels, p.word())
	}
	sort.Strings(labels)
	props := "{}"
	p.space()
	if p.i < len(p.s) && p.s[p.i] == '{' {
		props = p.props()
	}
	p.take(")")
	return "(" + strings.Join(labels, ":") + props + ")"
}

func (p *cellParser) path() string {
	p.i++
	out := "<" + p.node2()
	for !p.take(">") && p.err == nil {
		left := p.take("<-")
		if !left {
			p.take("-")
		}
		p.take("[")
		rel := p.rel()
		right := p.take("->")
		if !right {
			p.take("-")
		}
		arrow := "->"
		if left {
			arrow = "<-"
		}
		out += arrow + rel + p.node2()
		_ = right
	}
	return out + ">"
}

func (p *cellParser) node2() string {
	p.space()
	if p.i >= len(p.s) || p.s[p.i] != '(' {
		p.err = fmt.Errorf("cell %q: a node is missing at %d", p.s, p.i)
		p.i++
		return ""
	}
	return p.node()
}

// actualText renders a value in the form of expectedText.
func actualText(v any, anyOrder bool) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(x)
	case []any:
		items := make([]string, len(x))
		for i, item := range x {
			items[i] = actualText(item, anyOrder)
		}
		return joinList(items, anyOrder)
	case map[string]any:
		var items []string
		for k, item := range x {
			items = append(items, k+":"+actualText(item, anyOrder))
		}
		sort.Strings(items)
		return "{" + strings.Join(items, ",") + "}"
	case *Node:
		labels := sortedLabels(x.v.Labels)
		return "(" + strings.Join(labels, ":") + actualText(map[string]any(x.v.Props), anyOrder) + ")"
	case *Rel:
		return "[:" + x.e.Type + actualText(map[string]any(x.e.Props), anyOrder) + "]"
	case *Path:
		out := "<" + actualText(x.Nodes[0], anyOrder)
		for i, r := range x.Rels {
			arrow := "->"
			if r.e.From != x.Nodes[i].id {
				arrow = "<-"
			}
			out += arrow + actualText(r, anyOrder) + actualText(x.Nodes[i+1], anyOrder)
		}
		return out + ">"
	case float64:
		return formatFloat(x)
	case fmt.Stringer:
		return strconv.Quote(x.String())
	}
	return fmt.Sprint(v)
}
