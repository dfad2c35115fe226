package graph

import (
	"slices"
	"strings"
	"unicode"
)

// Words splits text into the words that Search compares: runs of letters and
// digits, in lower case.
func Words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r)
	})
}

// Score reports whether every one of the words begins some word in the
// identity or the text properties of v, and how well: it grows with each word
// that is there in full, and a shorter text beats a longer one.
func Score(v Vertex, words []string) (score int, ok bool) {
	has := Words(SearchText(v.Key, v.Props))
	for _, w := range words {
		best := 0
		for _, h := range has {
			if h == w {
				best = 2
				break
			}
			if strings.HasPrefix(h, w) {
				best = 1
			}
		}
		if best == 0 {
			return 0, false
		}
		score += best
	}
	return score*maxScored - min(len(has), maxScored-1), len(words) > 0
}

// maxScored is how many words of a node's text count as its length.
const maxScored = 1000

// Best sorts what a search found, best first, and returns at most limit.
func Best(found []Vertex, words []string, limit int) []Vertex {
	scores := make(map[Key]int, len(found))
	for _, v := range found {
		scores[v.Key], _ = Score(v, words)
	}
	slices.SortFunc(found, func(a, b Vertex) int {
		if c := scores[b.Key] - scores[a.Key]; c != 0 {
			return c
		}
		return a.Key.Compare(b.Key)
	})
	return found[:min(max(limit, 0), len(found))]
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
