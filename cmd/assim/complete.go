package main

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"assim/api"
	"assim/graph"
	"assim/graph/cypher"
)

// names are what the shell can complete.
type names struct {
	labels, types, props []string
	canned               []api.Canned
	// values returns what an argument of a type may be in the graph.
	values func(typ, prefix string) []string
}

// schemaNames are those that the schema knows; what is in use may add to them.
func schemaNames() names {
	n := names{values: func(string, string) []string { return nil }}
	for _, l := range graph.Labels {
		n.labels = append(n.labels, l.Label)
		for p := range l.Props {
			n.props = append(n.props, p)
		}
	}
	for _, r := range graph.Rels {
		n.types = append(n.types, r.Type)
		for p := range r.Props {
			n.props = append(n.props, p)
		}
	}
	n.sort()
	return n
}

func (n *names) sort() {
	for _, list := range []*[]string{&n.labels, &n.types, &n.props} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}

// question returns the canned question of that name.
func (n *names) question(name string) *api.Canned {
	for i := range n.canned {
		if n.canned[i].Name == name {
			return &n.canned[i]
		}
	}
	return nil
}

// complete returns what the word at the end of text may become, and how many
// characters of it are there already. Each option begins with those, in their
// case.
func (n *names) complete(text string) (options []string, have int) {
	start := strings.LastIndexFunc(text, func(r rune) bool { return !wordRune(r) }) + 1
	before, word := text[:start], text[start:]
	if q := n.question(firstWord(before)); q != nil {
		return n.argument(q, before, text)
	}
	trimmed := strings.TrimSpace(before)
	var list []string
	switch {
	case trimmed == ":":
		for _, c := range shellCommands {
			list = append(list, c.name)
		}
	case trimmed == "":
		list = append(list, cypher.Keywords()...)
		for _, q := range n.canned {
			list = append(list, q.Name)
		}
	default:
		list = n.within(before, trimmed, word)
	}
	return matching(list, word), len([]rune(word))
}

// within completes a word inside Cypher text. Functions are so many that they are
// offered only once the word has begun.
func (n *names) within(before, trimmed, word string) []string {
	open := openBracket(before)
	last := trimmed[len(trimmed)-1]
	switch {
	case open == '{' && (last == '{' || last == ','):
		return n.props
	case open == '{':
		return nil // the value of a property
	case (last == ':' || last == '|') && open == '[':
		return n.types
	case last == ':' || last == '|' || last == '&':
		return n.labels
	case last == '.' && strings.HasSuffix(before, "."):
		return n.propsOf(before)
	}
	list := append(variables(before), cypher.Keywords()...)
	if word == "" {
		return list
	}
	for _, f := range cypher.Functions() {
		list = append(list, f+"(")
	}
	return append(list, cypher.Procedures()...)
}

// labeled finds "(variable:Label" in a query.
var labeled = regexp.MustCompile(`\(\s*(\w+)\s*:\s*(\w+)`)

// propsOf returns the properties of the variable before a dot: those of its
// label if the text says which it has.
func (n *names) propsOf(before string) []string {
	name := strings.TrimSuffix(before, ".")
	name = name[strings.LastIndexFunc(name, func(r rune) bool { return !wordRune(r) })+1:]
	for _, m := range labeled.FindAllStringSubmatch(before, -1) {
		if m[1] != name {
			continue
		}
		for _, l := range graph.Labels {
			if l.Label == m[2] {
				var list []string
				for p := range l.Props {
					list = append(list, p)
				}
				return list
			}
		}
	}
	return n.props
}

// bound finds variables: "(v", "[v", "AS v", "UNWIND x AS v".
var bound = regexp.MustCompile(`(?i)(?:[(\[]\s*|\bAS\s+)([a-z_]\w*)`)

func variables(text string) []string {
	var list []string
	for _, m := range bound.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// argument completes NAME=VALUE of a canned question.
func (n *names) argument(q *api.Canned, before, text string) ([]string, int) {
	word := text[strings.LastIndexByte(text, ' ')+1:]
	name, value, given := strings.Cut(word, "=")
	if !given {
		var list []string
		for _, arg := range q.Args {
			if !strings.Contains(before, " "+arg.Name+"=") {
				list = append(list, arg.Name+"=")
			}
		}
		return matching(list, word), len([]rune(word))
	}
	for _, arg := range q.Args {
		if arg.Name == name {
			return matching(n.values(arg.Type, value), value), len([]rune(value))
		}
	}
	return nil, 0
}

// matching returns the words that begin with a prefix in any case, in order; a
// word is given in the case in which it was begun.
func matching(list []string, prefix string) []string {
	var out []string
	for _, w := range list {
		if len(w) < len(prefix) || !strings.EqualFold(w[:len(prefix)], prefix) {
			continue
		}
		rest := w[len(prefix):]
		if prefix != "" && w == strings.ToUpper(w) && prefix == strings.ToLower(prefix) {
			rest = strings.ToLower(rest)
		}
		out = append(out, prefix+rest)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func wordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func firstWord(text string) string {
	word, _, _ := strings.Cut(strings.TrimLeft(text, " \t\n"), " ")
	return word
}

// openBracket returns the last bracket that is open at the end of text; 0 if
// none is.
func openBracket(text string) rune {
	var open []rune
	scanCode(text, func(r rune) {
		switch r {
		case '(', '[', '{':
			open = append(open, r)
		case ')', ']', '}':
			open = open[:max(0, len(open)-1)]
		}
	})
	if len(open) == 0 {
		return 0
	}
	return open[len(open)-1]
}

// scanCode calls f with every character that is neither in a text, a quoted name
// nor a comment, and reports whether the end is outside of those too. A comment
// to the end of its line ends with the text.
func scanCode(text string, f func(rune)) (outside bool) {
	var in rune // what we are in: a quote, '/' for a line's comment, '*' for one with an end
	var last rune
	for _, r := range text {
		switch {
		case in == 0 && last == '/' && (r == '/' || r == '*'):
			in, r = r, 0
		case in == 0:
			if last == '/' {
				f(last) // it was no comment
			}
			switch r {
			case '\'', '"', '`':
				in = r
			case '/': // perhaps a comment: the next character tells
			default:
				f(r)
			}
		case in == '/' && r == '\n', in == '*' && last == '*' && r == '/':
			in, r = 0, 0
		case (in == '\'' || in == '"') && last == '\\':
			r = 0 // escaped: it ends nothing and escapes nothing
		case in == r && in != '/' && in != '*':
			in, r = 0, 0
		}
		last = r
	}
	return in == 0 || in == '/'
}

// ended reports whether a statement is complete: its last word is a semicolon.
func ended(text string) bool {
	var last rune
	outside := scanCode(text, func(r rune) {
		if !unicode.IsSpace(r) {
			last = r
		}
	})
	return outside && last == ';'
}
