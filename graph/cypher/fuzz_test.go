package cypher

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assim/graph"
)

// seeds are the queries of the TCK's part kept here.
func seeds(f *testing.F) {
	err := filepath.WalkDir("testdata/tck/features", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".feature") {
			return err
		}
		list, err := readFeature(path, path)
		for _, s := range list {
			for _, st := range s.steps {
				if st.doc != "" {
					f.Add(st.doc)
				}
			}
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
}

// FuzzParse: whatever the text, Parse returns a query or an *Error with a
// place within the text, and never panics.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err == nil {
			q.Columns()
			q.Params()
			return
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%T is no *Error: %v", err, err)
		}
		if e.Line > strings.Count(text, "\n")+1 || e.Error() == "" {
			t.Fatalf("line %d of %q", e.Line, text)
		}
	})
}

// FuzzRun: whatever the query, running it ends within its limits.
func FuzzRun(f *testing.F) {
	seeds(f)
	w := newWorld()
	err := w.execute(`CREATE (a:System {name: 'a', n: 1}), (b:System {name: 'b', n: 2}), (c:NIC {mac: 'x', list: [1, 2]}),
		(a)-[:HAS_NIC {w: 1.5}]->(c), (a)-[:DEPENDS_ON]->(b), (b)-[:DEPENDS_ON]->(a), (b)-[:SELF]->(b)`)
	if err != nil {
		f.Fatal(err)
	}
	reader := w.view()
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			return
		}
		params := map[string]any{}
		for _, p := range q.Params() {
			params[p] = int64(3)
		}
		lim := Limits{Rows: 1000, Time: 100 * time.Millisecond, Memory: 1 << 20, Now: time.Unix(0, 0)}
		start := time.Now()
		rows, err := q.Run(context.Background(), reader, params, lim)
		if err != nil {
			return
		}
		n := 0
		for row, err := range rows.All() {
			if err != nil {
				var e *Error
				if !errors.As(err, &e) && !errors.Is(err, graph.ErrNotFound) {
					t.Fatalf("%T: %v", err, err)
				}
				break
			}
			if n++; n > lim.Rows {
				t.Fatalf("%d rows", n)
			}
			if len(row) != len(rows.Columns()) {
				t.Fatalf("%d values in %d columns", len(row), len(rows.Columns()))
			}
			for _, v := range row {
				if len(Text(v)) > 64<<20 {
					t.Fatal("a value of more than 64 MB")
				}
				Plain(v)
			}
		}
		if took := time.Since(start); took > 20*lim.Time {
			t.Fatalf("took %v with a limit of %v", took, lim.Time)
		}
	})
}
