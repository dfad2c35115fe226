package cypher

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"
)

// TestSameAnswersAsNeo4j asks a running Neo4j and this engine the same random
// questions of the same graph. It needs ASSIM_NEO4J, e.g.
// bolt://127.0.0.1:7687, of a server without authentication whose data may be
// thrown away.
func TestSameAnswersAsNeo4j(t *testing.T) {
	uri := os.Getenv("ASSIM_NEO4J")
	if uri == "" {
		t.Skip("ASSIM_NEO4J names no Neo4j to compare with")
	}
	ctx := context.Background()
	driver, err := neo4j.NewDriver(uri, neo4j.NoAuth())
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close(ctx)
	ask := func(text string) (*neo4j.EagerResult, error) {
		return neo4j.ExecuteQuery(ctx, driver, text, nil, neo4j.EagerResultTransformer)
	}
	w := newWorld()
	if err := w.execute(estate); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"MATCH (n) DETACH DELETE n", estate} {
		if _, err := ask(text); err != nil {
			t.Fatal(err)
		}
	}
	compared := 0
	questions := uint64(400)
	if n, err := strconv.ParseUint(os.Getenv("ASSIM_NEO4J_QUESTIONS"), 10, 32); err == nil {
		questions = n
	}
	for seed := range questions {
		r := rand.New(rand.NewPCG(seed, 3))
		text := randomMatch(r)
		switch seed % 4 {
		case 1:
			text = randomExpression(r, 3)
		case 2, 3:
			text = randomTemporal(r)
		}
		compared += compareWithNeo4j(t, w, ask, text, seed)
	}
	t.Logf("%d answers compared with Neo4j", compared)
}

// compareWithNeo4j returns 1 when both had an answer and it was the same.
func compareWithNeo4j(t *testing.T, w *world, ask func(string) (*neo4j.EagerResult, error), text string, seed uint64) int {
	t.Helper()
	// Handles differ between stores, so the order of two of them does too.
	if strings.Contains(text, "id(") {
		return 0
	}
	theirs, theirErr := ask(text)
	q, ourErr := Parse(text)
	var ours [][]any
	if ourErr == nil {
		rows, err := q.Run(context.Background(), w.view(), nil, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		ours, ourErr = rows.Collect()
	}
	if (theirErr == nil) != (ourErr == nil) {
		t.Errorf("%s\nNeo4j: %v\nours: %v\n(repeat with seed %d)", text, theirErr, ourErr, seed)
		return 0
	}
	if theirErr != nil {
		return 0
	}
	var a, b []string
	for _, rec := range theirs.Records {
		a = append(a, neoText(rec.Values))
	}
	for _, row := range ours {
		b = append(b, neoText(row))
	}
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) {
		t.Errorf("%s\nNeo4j:\n%s\nours:\n%s\n(repeat with seed %d)", text, strings.Join(a, "\n"), strings.Join(b, "\n"), seed)
		return 0
	}
	return 1
}

// fullMinute is the seconds that Neo4j's toString() writes and the TCK omits.
var fullMinute = regexp.MustCompile(`(\d\d:\d\d):00(Z|[+-]\d\d:\d\d|"|\[)`)

// neoText is actualText for the driver's values as well as ours. Floats are
// cut to twelve digits: the last ones are the mathematics library's.
func neoText(v any) string {
	switch x := v.(type) {
	case string:
		return fullMinute.ReplaceAllString(strconv.Quote(x), "$1$2")
	case float64:
		return strconv.FormatFloat(x, 'e', 12, 64)
	case []any:
		items := make([]string, len(x))
		for i, item := range x {
			items[i] = neoText(item)
		}
		return joinList(items, false)
	case map[string]any:
		items := make([]string, 0, len(x))
		for k, item := range x {
			items = append(items, k+":"+neoText(item))
		}
		slices.Sort(items)
		return "{" + strings.Join(items, ",") + "}"
	case neo4j.Node:
		return "(" + strings.Join(sortedLabels(x.Labels), ":") + neoText(x.Props) + ")"
	case neo4j.Relationship:
		return "[:" + x.Type + neoText(x.Props) + "]"
	}
	return actualText(v, false)
}

// randomExpression makes RETURN of an expression over literals.
func randomExpression(r *rand.Rand, depth int) string {
	return "RETURN " + expression(r, depth) + " AS x"
}

func expression(r *rand.Rand, depth int) string {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	if depth == 0 {
		return pick("null", "true", "false", "0", "1", "-3", "7", "2.5", "-0.5", "1e3", "'a'", "'b7'", "'12'", "''", "[]", "[1, null, 'a']", "[1, 2, 3]", "{a: 1, b: null}")
	}
	e := func() string { return expression(r, depth-1) }
	list := func() string {
		return pick("[1, 2, 3]", "[null, 2]", "['a', 'b']", "[]", "range(1, 4)", "["+e()+", "+e()+"]")
	}
	number := func() string {
		return pick("1", "-2", "2.5", "7", "null", "size("+list()+")", "toInteger('"+pick("1", "x", "2.7")+"')")
	}
	switch r.IntN(14) {
	case 0:
		return "(" + number() + pick(" + ", " - ", " * ", " / ", " % ", " ^ ") + pick("2", "3", "2.5", "-1") + ")"
	case 1:
		return "(" + e() + pick(" = ", " <> ", " < ", " >= ") + e() + ")"
	case 2:
		return "(" + e() + pick(" IS NULL", " IS NOT NULL") + ")"
	case 3:
		return "(" + e() + " IN " + list() + ")"
	case 4:
		return list() + "[" + pick("0", "-1", "5", "1..", "..-1", "0..2", "null") + "]"
	case 5:
		return "[x IN " + list() + pick("", " WHERE x IS NOT NULL", " WHERE x = 2") + pick("", " | [x]") + "]"
	case 6:
		return pick("all", "any", "none", "single") + "(x IN " + list() + " WHERE x = " + pick("1", "2", "null") + ")"
	case 7:
		return "CASE WHEN " + pick("true", "null", "1 < 2", "'a' = 1") + " THEN " + e() + " ELSE " + e() + " END"
	case 8:
		return "coalesce(null, " + e() + ")"
	case 9:
		return fmt.Sprintf("substring('hello', %d, %d)", r.IntN(7), r.IntN(7))
	case 10:
		return pick("toString", "toFloat", "toInteger", "toBoolean") + "(" + pick("'1'", "'true'", "'1.5'", "'x'", "null") + ")"
	case 11:
		return "reduce(s = 0, x IN [1, 2, 3] | s + x" + pick("", " * 2", " % 2") + ")"
	case 12:
		return "(" + pick("true", "false", "null") + pick(" AND ", " OR ", " XOR ") + pick("true", "false", "null") + ")"
	}
	return pick("abs", "sign", "ceil", "floor", "round", "sqrt") + "(" + pick("2.5", "-2.5", "4", "0", "null", "-1.5", "0.5") + ")"
}

// randomTemporal makes RETURN of something made of temporal values.
func randomTemporal(r *rand.Rand) string {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	dated := func() string {
		return pick("date('1984-10-11')", "localdatetime('1984-03-31T12:31:14.645876123')", "datetime('2015-07-21T21:40:32.142+01:00')",
			"datetime({year: 1984, month: 10, day: 11, hour: 12, minute: 31, timezone: 'Europe/Stockholm'})", "date('2016-02-29')", "datetime('2017-10-29T00:00[Europe/Stockholm]')")
	}
	timed := func() string {
		return pick("localtime('12:31:14.645876123')", "time('12:31:14.645876+01:00')", "localdatetime('1984-03-31T12:31:14.645')", "datetime('2015-07-21T21:40:32.142+01:00')",
			"datetime({year: 1984, month: 10, day: 11, hour: 12, timezone: 'Europe/Stockholm'})", "time('00:00:01-11:30')")
	}
	any := func() string { return pick(dated(), timed()) }
	dateOver := func() string {
		return pick("", "", ", day: 28", ", year: 1991", ", month: 2, day: 5", ", week: 3", ", dayOfWeek: 2", ", ordinalDay: 28", ", quarter: 3", ", dayOfQuarter: 30")
	}
	timeOver := func() string {
		return pick("", "", ", second: 42", ", hour: 5, minute: 0", ", millisecond: 7", ", microsecond: 8", ", nanosecond: 9")
	}
	zoneOver := func() string { return pick("", "", ", timezone: '+05:00'", ", timezone: 'Pacific/Honolulu'") }
	duration := func() string {
		return pick("duration({months: 1, days: -14, hours: 16})", "duration('P12Y5M14DT16H12M70.5S')", "duration({years: 0.5, days: 1.5, seconds: -0.25})", "duration('P-1M3DT-5H')", "duration({weeks: 2, minutes: 90})")
	}
	x := ""
	switch r.IntN(12) {
	case 0:
		x = "date({date: " + dated() + dateOver() + "})"
	case 1:
		x = pick("localtime", "time") + "({time: " + timed() + timeOver() + "})"
	case 2:
		x = "time({time: " + timed() + timeOver() + pick("", ", timezone: '+05:00'") + "})"
	case 3:
		x = "localdatetime({date: " + dated() + dateOver() + ", time: " + timed() + timeOver() + "})"
	case 4:
		x = "datetime({date: " + dated() + dateOver() + ", time: " + timed() + timeOver() + zoneOver() + "})"
	case 5:
		x = "datetime({datetime: " + pick("localdatetime('1984-03-31T12:31:14.645')", "datetime('2015-07-21T21:40:32.142+01:00')", "datetime({year: 1984, month: 10, day: 11, hour: 12, timezone: 'Europe/Stockholm'})") + dateOver() + timeOver() + zoneOver() + "})"
	case 6:
		x = "duration." + pick("between(", "inSeconds(") + any() + ", " + any() + ")"
	case 9:
		x = "duration." + pick("inMonths(", "inDays(") + dated() + ", " + any() + ")"
	case 10:
		unit := pick("millennium", "century", "decade", "year", "weekYear", "quarter", "month", "week", "day")
		x = pick("date", "localdatetime", "datetime") + ".truncate('" + unit + "', " + dated() + ", {" + pick("", "day: 2", "dayOfWeek: 2", "month: 2") + "})"
	case 11:
		unit := pick("day", "hour", "minute", "second", "millisecond", "microsecond")
		x = pick("time", "localtime") + ".truncate('" + unit + "', " + timed() + ", {" + pick("", "nanosecond: 2", "second: 2") + "})"
	case 7:
		x = "(" + any() + pick(" + ", " - ") + duration() + ")"
	default:
		x = pick("(", "(2 * ", "(0.5 * ") + duration() + pick(")", " + "+duration()+")", " - "+duration()+")")
	}
	return "RETURN toString(" + x + ") AS x"
}
