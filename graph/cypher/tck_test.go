package cypher

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"assim/graph/embedded"
)

// TestTCK runs the public openCypher TCK: the part of it that is kept in
// testdata, so that a clone alone is tested too, and the feature files under
// $TCK_DIR or, without it, those that lie beside the project. Scenarios whose
// tested query writes are set aside.
func TestTCK(t *testing.T) {
	var total tally
	t.Run("PartInTestdata", func(t *testing.T) { total = runTCK(t, "testdata/tck/features", "testdata/tck-part.txt") })
	if dir := wholeTCK(t); dir != "" {
		t.Run("Whole", func(t *testing.T) { total = runTCK(t, dir, "testdata/tck-full.txt") })
	}
	fmt.Printf("TCK: %d of %d reading scenarios pass, %d set aside\n", total.passed, total.reading, total.aside)
}

// wholeTCK finds the features folder of the whole TCK, or returns "". TCK_DIR
// may be relative to the project's root or to this package.
func wholeTCK(t *testing.T) string {
	dir := os.Getenv("TCK_DIR")
	named := dir != ""
	if !named {
		dir = "../shared/tck/features"
	}
	for _, d := range []string{dir, filepath.Join("../..", dir)} {
		if _, err := os.Stat(d); err == nil {
			return d
		}
	}
	if named {
		t.Fatalf("TCK_DIR names %s, which is not there", dir)
	}
	t.Logf("THE WHOLE TCK IS NOT HERE (no %s): only the part kept in testdata/tck was run. Set TCK_DIR to its features folder.", dir)
	return ""
}

// leastRate is the part of the reading scenarios that must pass, in percent.
const leastRate = 95

// tally counts scenarios.
type tally struct{ passed, reading, aside int }

// runTCK runs all features below dir and holds the result against a record:
// how many passed before, and the known failures with their reasons.
func runTCK(t *testing.T, dir, record string) (n tally) {
	before, known := readRecord(t, record)
	var failures []string
	aside := map[string]int{}
	for _, s := range readFeatures(t, dir) {
		if clause := s.writes(); clause != "" {
			n.aside++
			aside[clause]++
			continue
		}
		n.reading++
		err := s.run(scenarioWorld(t), filepath.Join(dir, "../graphs"))
		name := s.file + ": " + s.name
		if err == nil {
			n.passed++
			if _, ok := known[name]; ok {
				t.Logf("passes now, remove it from %s: %s", record, name)
			}
			continue
		}
		failures = append(failures, name+": "+err.Error())
		reason, ok := known[name]
		if !ok {
			reason = "not on record"
		}
		t.Logf("fails: %s\n    %v\n    reason: %s", name, err, reason)
	}
	for _, clause := range slices.Sorted(maps.Keys(aside)) {
		t.Logf("%d set aside: the tested query writes, by %s first", aside[clause], clause)
	}
	if out := os.Getenv("TCK_FAILURES"); out != "" {
		if err := os.WriteFile(out, []byte(strings.Join(failures, "\n")+"\n"), 0o644); err != nil {
			t.Error(err)
		}
	}
	if n.reading == 0 {
		t.Fatalf("there is no scenario in %s", dir)
	}
	if n.passed*100 < n.reading*leastRate {
		t.Errorf("%d of %d scenarios pass, that is less than %d %%", n.passed, n.reading, leastRate)
	}
	// A smaller set of files than the recorded one cannot be held against it.
	if n.reading >= before.reading && n.passed < before.passed {
		t.Errorf("%d scenarios pass, but %d did when %s was written", n.passed, before.passed, record)
	}
	return n
}

// scenarioWorld is an empty graph: in memory, or in the store that is shipped
// when ASSIM_TCK_STORE is "embedded", which takes minutes.
func scenarioWorld(t *testing.T) *world {
	if os.Getenv("ASSIM_TCK_STORE") != "embedded" {
		return newWorld()
	}
	dir := t.TempDir()
	store, err := embedded.Open(filepath.Join(dir, "tck.graph"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(store)
	w.done = func() { _ = store.Close() }
	return w
}

// readRecord reads "passed: P of N" and lines "FILE: SCENARIO -- reason".
func readRecord(t *testing.T, path string) (before tally, known map[string]string) {
	known = map[string]string{}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line := strings.TrimSpace(sc.Text())
		if strings.HasPrefix(line, "passed: ") {
			if _, err := fmt.Sscanf(line, "passed: %d of %d", &before.passed, &before.reading); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		} else if line != "" && !strings.HasPrefix(line, "#") {
			name, reason, _ := strings.Cut(line, " -- ")
			known[name] = reason
		}
	}
	return before, known
}

func readFeatures(t *testing.T, dir string) []scenario {
	var all []scenario
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".feature") {
			return err
		}
		file, _ := filepath.Rel(dir, path)
		list, err := readFeature(path, file)
		all = append(all, list...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// writes is the first clause of the tested query that writes, or "".
func (s scenario) writes() string {
	for _, st := range s.steps {
		if strings.HasPrefix(st.text, "executing query") {
			if clause := writes(st.doc); clause != "" {
				return clause
			}
		}
	}
	return ""
}

// writes looks for a clause that writes: one of its words where neither a
// property's name nor a label can stand. It answers the word, or "".
func writes(text string) string {
	tokens, err := lex(text)
	if err != nil {
		return ""
	}
	for i, t := range tokens {
		if t.kind != tokName || !slices.Contains([]string{"CREATE", "MERGE", "SET", "DELETE", "REMOVE", "FOREACH"}, strings.ToUpper(t.text)) {
			continue
		}
		next := tokens[min(i+1, len(tokens)-1)]
		if i > 0 && (tokens[i-1].text == "." || tokens[i-1].text == ":") || next.text == ":" || next.text == "." {
			continue
		}
		return strings.ToUpper(t.text)
	}
	return ""
}

// outcome is what a query did.
type outcome struct {
	columns []string
	rows    [][]any
	err     error
	started bool // the error came after compiling
}

// run carries out the scenario; the error says what is not as demanded.
func (s scenario) run(w *world, graphs string) (err error) {
	defer w.close()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("PANIC: %v", r)
		}
	}()
	params := map[string]any{}
	procs := map[string]*procedure{}
	var got *outcome
	for _, st := range s.steps {
		switch {
		case st.text == "an empty graph", st.text == "any graph", st.text == "no side effects":
		case strings.HasSuffix(st.text, " graph") && strings.HasPrefix(st.text, "the "):
			name := strings.TrimSuffix(strings.TrimPrefix(st.text, "the "), " graph")
			script, err := os.ReadFile(filepath.Join(graphs, name, name+".cypher"))
			if err != nil {
				return err
			}
			if err := w.execute(string(script)); err != nil {
				return fmt.Errorf("setup: %w", err)
			}
		case strings.HasPrefix(st.text, "having executed"):
			if err := w.execute(st.doc); err != nil {
				return fmt.Errorf("setup: %w", err)
			}
		case strings.HasPrefix(st.text, "parameters are"):
			for _, row := range st.table {
				_, v, err := w.query("RETURN "+row[1]+" AS v", nil)
				if err != nil {
					return err
				}
				params[row[0]] = v[0][0]
			}
		case strings.HasPrefix(st.text, "there exists a procedure"):
			if err := w.procedure(procs, strings.TrimPrefix(st.text, "there exists a procedure "), st.table); err != nil {
				return err
			}
		case strings.HasPrefix(st.text, "executing"):
			got = w.ask(st.doc, params, procs)
		case strings.HasPrefix(st.text, "the result should be"):
			if err := got.check(st); err != nil {
				return err
			}
		case strings.Contains(st.text, "should be raised at"):
			if err := got.checkError(st.text); err != nil {
				return err
			}
		case strings.HasPrefix(st.text, "the side effects"):
		default:
			return fmt.Errorf("step %q is not known to the runner", st.text)
		}
	}
	return nil
}

func (w *world) ask(text string, params map[string]any, procs map[string]*procedure) *outcome {
	all := map[string]*procedure{}
	for name, p := range builtinProcedures {
		all[name] = p
	}
	for name, p := range procs {
		all[name] = p
	}
	q, err := parseWith(text, all)
	if err != nil {
		return &outcome{err: err}
	}
	rows, err := q.Run(context.Background(), w.view(), params, Limits{Time: 20 * time.Second})
	if err != nil {
		return &outcome{err: err}
	}
	list, err := rows.Collect()
	return &outcome{columns: rows.Columns(), rows: list, err: err, started: true}
}

// procedure declares a procedure that answers from a table.
func (w *world) procedure(procs map[string]*procedure, signature string, table [][]string) error {
	name, rest, _ := strings.Cut(signature, "(")
	in, out, ok := strings.Cut(rest, ") :: (")
	if !ok {
		return fmt.Errorf("signature %q", signature)
	}
	out = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(out), ":")), ")"))
	p := &procedure{args: procFields(in), columns: procFields(out)}
	var rows [][]any
	for _, cellsOf := range table[min(1, len(table)):] {
		var row []any
		for _, cell := range cellsOf {
			_, v, err := w.query("RETURN "+cell+" AS v", nil)
			if err != nil {
				return err
			}
			row = append(row, v[0][0])
		}
		rows = append(rows, row)
	}
	p.call = func(_ *run, args []any, yield func([]any) error) error {
		for _, row := range rows {
			match := true
			for i, a := range args {
				match = match && order(a, row[i]) == 0
			}
			if match {
				if err := yield(row[len(args):]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	procs[strings.TrimSpace(name)] = p
	return nil
}

func procFields(text string) []procField {
	var out []procField
	for _, part := range strings.Split(text, ",") {
		if name, typ, ok := strings.Cut(part, "::"); ok {
			out = append(out, procField{strings.TrimSpace(name), kindNamed(typ)})
		}
	}
	return out
}

// check compares the rows with a table.
func (o *outcome) check(st gherkinStep) error {
	if o.err != nil {
		return o.err
	}
	if st.text == "the result should be empty" {
		if len(o.rows) > 0 {
			return fmt.Errorf("%d rows where none should be", len(o.rows))
		}
		return nil
	}
	anyList := strings.Contains(st.text, "ignoring element order")
	order := make([]int, len(st.table[0]))
	for i, name := range st.table[0] {
		if order[i] = slices.Index(o.columns, name); order[i] < 0 {
			return fmt.Errorf("columns %q lack %q", o.columns, name)
		}
	}
	if len(order) != len(o.columns) {
		return fmt.Errorf("columns %q instead of %q", o.columns, st.table[0])
	}
	var want, got []string
	for _, row := range st.table[1:] {
		var texts []string
		for _, cell := range row {
			text, err := expectedText(cell, anyList)
			if err != nil {
				return err
			}
			texts = append(texts, text)
		}
		want = append(want, strings.Join(texts, " | "))
	}
	for _, row := range o.rows {
		var texts []string
		for _, i := range order {
			texts = append(texts, actualText(row[i], anyList))
		}
		got = append(got, strings.Join(texts, " | "))
	}
	if !strings.Contains(st.text, "in order") {
		sort.Strings(want)
		sort.Strings(got)
	}
	if !slices.Equal(want, got) {
		return fmt.Errorf("rows differ:\n    want %s\n    got  %s", strings.Join(want, "\n         "), strings.Join(got, "\n         "))
	}
	return nil
}

// checkError holds the error against e.g. "a SyntaxError should be raised at
// compile time: UndefinedVariable".
func (o *outcome) checkError(text string) error {
	what, when, _ := strings.Cut(text, " should be raised at ")
	what = strings.TrimPrefix(strings.TrimPrefix(what, "a "), "an ")
	when, detail, _ := strings.Cut(when, ": ")
	if o.err == nil {
		return fmt.Errorf("no error, but %s %s is demanded; %d rows", what, detail, len(o.rows))
	}
	var e *Error
	if !errors.As(o.err, &e) {
		return o.err
	}
	if e.Type != what || detail != "*" && e.Detail != detail {
		return fmt.Errorf("%s %s is demanded, not %s %s: %w", what, detail, e.Type, e.Detail, e)
	}
	if when == "compile time" && o.started {
		return fmt.Errorf("%s %s came only when running", e.Type, e.Detail)
	}
	return nil
}
