package graph

import (
	"strings"
	"unicode"
)

// Words splits text into the words that Search compares: runs of letters and
// digits, in lower case.
func Words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// HasWords reports whether every one of the words begins some word in the
// identity or the text properties of v. It is what Search means, spelled out.
func HasWords(v Vertex, words []string) bool {
	has := Words(SearchText(v.Key, v.Props))
	for _, w := range words {
		found := false
		for _, h := range has {
			if strings.HasPrefix(h, w) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// SearchText returns the text in which a node is searched: its identity and
// every text property.
func SearchText(k Key, p Props) string {
	var b strings.Builder
	b.WriteString(k.ID)
	for _, v := range p {
		switch v := v.(type) {
		case string:
			b.WriteByte(' ')
			b.WriteString(v)
		case []any:
			for _, e := range v {
				if s, ok := e.(string); ok {
					b.WriteByte(' ')
					b.WriteString(s)
				}
			}
		}
	}
	return b.String()
}
