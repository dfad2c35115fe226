package cypher

import (
	"fmt"
	"os"
	"strings"
)

// scenario is one example of the TCK: a graph, a query and what must come.
type scenario struct {
	file, name string
	steps      []gherkinStep
}

// gherkinStep is one Given, When or Then with what hangs below it.
type gherkinStep struct {
	text  string
	doc   string
	table [][]string
}

// readFeature parses the part of Gherkin that the TCK uses.
func readFeature(path, file string) ([]scenario, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &featureReader{file: file, lines: strings.Split(string(data), "\n")}
	r.read()
	return r.done, nil
}

type featureReader struct {
	file       string
	lines      []string
	at         int
	background []gherkinStep
	current    *scenario
	outline    bool
	done       []scenario
}

func (r *featureReader) read() {
	inBackground := false
	for ; r.at < len(r.lines); r.at++ {
		line := strings.TrimSpace(r.lines[r.at])
		switch {
		case line == "", strings.HasPrefix(line, "#"), strings.HasPrefix(line, "@"), strings.HasPrefix(line, "Feature:"):
		case strings.HasPrefix(line, "Background:"):
			inBackground = true
		case strings.HasPrefix(line, "Scenario:"), strings.HasPrefix(line, "Scenario Outline:"):
			r.finish()
			inBackground = false
			_, name, _ := strings.Cut(line, ":")
			r.outline = strings.HasPrefix(line, "Scenario Outline:")
			r.current = &scenario{file: r.file, name: strings.TrimSpace(name), steps: append([]gherkinStep{}, r.background...)}
		case strings.HasPrefix(line, "Examples:"):
			r.at++
			r.expand(r.table())
		default:
			step := r.step(line)
			if inBackground {
				r.background = append(r.background, step)
			} else if r.current != nil {
				r.current.steps = append(r.current.steps, step)
			}
		}
	}
	r.finish()
}

func (r *featureReader) finish() {
	if r.current != nil && !r.outline {
		r.done = append(r.done, *r.current)
	}
	r.current = nil
}

func (r *featureReader) step(line string) gherkinStep {
	for _, w := range []string{"Given ", "When ", "Then ", "And ", "But "} {
		line = strings.TrimPrefix(line, w)
	}
	s := gherkinStep{text: strings.TrimSpace(line)}
	r.at++
	for r.at < len(r.lines) && strings.TrimSpace(r.lines[r.at]) == "" {
		r.at++
	}
	if r.at < len(r.lines) && strings.TrimSpace(r.lines[r.at]) == `"""` {
		indent := strings.Index(r.lines[r.at], `"""`)
		var doc []string
		for r.at++; strings.TrimSpace(r.lines[r.at]) != `"""`; r.at++ {
			l := r.lines[r.at]
			doc = append(doc, l[min(indent, len(l)-len(strings.TrimLeft(l, " "))):])
		}
		s.doc = strings.Join(doc, "\n")
		return s
	}
	s.table = r.table()
	return s
}

// table reads rows of cells and leaves at on the last line of it.
func (r *featureReader) table() [][]string {
	var rows [][]string
	for ; r.at < len(r.lines); r.at++ {
		line := strings.TrimSpace(r.lines[r.at])
		if strings.HasPrefix(line, "#") || line == "" && len(rows) == 0 {
			continue
		}
		if !strings.HasPrefix(line, "|") {
			break
		}
		rows = append(rows, cells(line))
	}
	r.at--
	return rows
}

// cells splits a table row at its unescaped bars.
func cells(line string) []string {
	var out []string
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] == '\\' && i+1 < len(line) && line[i+1] == '|':
			b.WriteByte('|')
			i++
		case line[i] == '\\' && i+1 < len(line) && line[i+1] == '\\':
			b.WriteByte('\\')
			i++
		case line[i] == '\\' && i+1 < len(line) && line[i+1] == 'n':
			b.WriteByte('\n')
			i++
		case line[i] == '|':
			out = append(out, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			b.WriteByte(line[i])
		}
	}
	return out
}

// expand makes a scenario of every row of examples.
func (r *featureReader) expand(rows [][]string) {
	if r.current == nil || len(rows) == 0 {
		return
	}
	for n, row := range rows[1:] {
		var pairs []string
		for i, name := range rows[0] {
			pairs = append(pairs, "<"+name+">", row[i])
		}
		fill := strings.NewReplacer(pairs...)
		s := scenario{file: r.file, name: fmt.Sprintf("%s #%d", r.current.name, n+1)}
		for _, st := range r.current.steps {
			filled := gherkinStep{text: fill.Replace(st.text), doc: fill.Replace(st.doc)}
			for _, cellsOf := range st.table {
				var out []string
				for _, c := range cellsOf {
					out = append(out, fill.Replace(c))
				}
				filled.table = append(filled.table, out)
			}
			s.steps = append(s.steps, filled)
		}
		r.done = append(r.done, s)
	}
}
