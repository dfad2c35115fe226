package cypher

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// answer runs a query over the world and renders all its rows.
func answer(t *testing.T, w *world, text string, params map[string]any) string {
	t.Helper()
	q, err := Parse(text)
	if err != nil {
		return err.Error()
	}
	rows, err := q.Run(context.Background(), w.view(), params, Limits{Now: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)})
	if err != nil {
		return err.Error()
	}
	var lines []string
	for row, err := range rows.All() {
		if err != nil {
			return err.Error()
		}
		var cells []string
		for _, v := range row {
			cells = append(cells, Text(v))
		}
		lines = append(lines, strings.Join(cells, ", "))
	}
	return strings.Join(lines, "\n")
}

func TestExpressions(t *testing.T) {
	w := newWorld()
	for text, want := range map[string]string{
		// Lists.
		"[1, 2, 3][1..]":             "[2, 3]",
		"[1, 2, 3][..-1]":            "[1, 2]",
		"[1, 2, 3][null..1]":         "null",
		"[1, 2, 3][-2]":              "2",
		"[1, 2][5]":                  "null",
		"[1, null] = [1, 2]":         "null",
		"[1] = [1, null]":            "false",
		"[[1], [2]] = [[1], [null]]": "null",
		"[1, 2] = 'foo'":             "false",
		"3 IN [1, null, 3]":          "true",
		"4 IN [1, null, 3]":          "null",
		"[1] IN [[1], [2]]":          "true",
		"null IN []":                 "false",
		"[x IN range(1, 5) WHERE x % 2 = 1 | x * 10]": "[10, 30, 50]",
		"[x IN null | x]":                         "null",
		"reduce(s = 0, x IN [1, 2, 3] | s + x)":   "6",
		"all(x IN [] WHERE false)":                "true",
		"any(x IN [null] WHERE x = 1)":            "null",
		"single(x IN [1, 2] WHERE x > 1)":         "true",
		"tail([1, 2]) + head([3]) + last([4, 5])": "[2, 3, 5]",
		"range(3, 1, -1)":                         "[3, 2, 1]",
		"size([]) + size('äö')":                   "2",
		"[1, 2] + [[3]]":                          "[1, 2, [3]]",
		"coalesce(null, 2, 3)":                    "2",
		"reverse('abc') + reverse([1, 2])[0]":     "'cba2'",
		// Numbers.
		"7 / 2":                                 "3",
		"-7 % 3":                                "-1",
		"2 ^ 3":                                 "8.0",
		"7.0 / 2":                               "3.5",
		"0x1F + 0o17":                           "46",
		"1.5e3":                                 "1500.0",
		"-9223372036854775808":                  "-9223372036854775808",
		"round(-1.5)":                           "-1.0",
		"0.0 / 0.0 = 0.0 / 0.0":                 "false",
		"toInteger('12.9')":                     "12",
		"toInteger('x')":                        "null",
		"toFloat('1e2')":                        "100.0",
		"toBoolean(' TRUE ')":                   "true",
		"1 < 2 < 3":                             "true",
		"1 < 'a'":                               "null",
		"9007199254740993 = 9007199254740992.0": "true",
		// Text.
		"'a' + 1 + 2.5":                  "'a12.5'",
		"substring('hello', 1, 3)":       "'ell'",
		"split('a,b', ',')":              "['a', 'b']",
		"replace('aaa', 'a', 'b')":       "'bbb'",
		"trim('  x ') + left('abc', 2)":  "'xab'",
		"'sshd' =~ 'ssh.*'":              "true",
		"'xsshd' =~ 'ssh.*'":             "false",
		"'abc' STARTS WITH null":         "null",
		"'abc' STARTS WITH 1":            "null",
		"'\\u00e4' ENDS WITH 'ä'":        "true",
		"toString(1.0) + toString(true)": "'1.0true'",
		"'It''s' IS NULL":                "line 1, column 12: expected a clause such as MATCH, WITH or RETURN but found the string \"s\"\n  RETURN 'It''s' IS NULL\n             ^",
		// Logic.
		"null OR true":            "true",
		"null AND false":          "false",
		"true XOR null":           "null",
		"NOT null":                "null",
		"true OR false AND false": "true",
		"NOT true = false":        "true",
		// Maps and CASE.
		"{a: 1, b: {c: [2]}}.b.c[0]":                 "2",
		"{a: 1}['a']":                                "1",
		"{a: null} = {a: null}":                      "null",
		"CASE 2 WHEN 1 THEN 'x' WHEN 2 THEN 'y' END": "'y'",
		"CASE WHEN null THEN 1 ELSE 2 END":           "2",
		"keys({b: 1, a: 2})":                         "['a', 'b']",
	} {
		if got := answer(t, w, "RETURN "+text, nil); got != want {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
}

func TestTemporalValuesAreMadeOfOthers(t *testing.T) {
	w := newWorld()
	const other = "datetime({year: 1984, month: 10, day: 11, hour: 12, minute: 31, second: 14, microsecond: 645876, timezone: '+01:00'})"
	const stockholm = "datetime({year: 1984, month: 10, day: 11, hour: 12, timezone: 'Europe/Stockholm'})"
	for text, want := range map[string]string{
		"date({date: " + other + ", year: 28})":                                                      "0028-10-11",
		"date({date: date('1984-10-11'), week: 1})":                                                  "1984-01-05",
		"date({date: date('1984-10-11'), ordinalDay: 28})":                                           "1984-01-28",
		"date({date: date('1984-10-11'), quarter: 3})":                                               "1984-07-11",
		"localtime(" + other + ")":                                                                   "12:31:14.645876",
		"localtime({time: " + other + ", second: 42})":                                               "12:31:42.645876",
		"time(localtime('12:31'))":                                                                   "12:31Z",
		"time({time: " + stockholm + "})":                                                            "12:00+01:00",
		"time({time: time('12:31:14.645876+01:00'), timezone: '+05:00'})":                            "16:31:14.645876+05:00",
		"time({time: localtime('12:31'), timezone: '+05:00'})":                                       "12:31+05:00",
		"localdatetime({date: date('1984-10-11'), time: " + other + ", day: 28})":                    "1984-10-28T12:31:14.645876",
		"datetime({date: date('1984-10-11'), time: time('12:31:14+01:00')})":                         "1984-10-11T12:31:14+01:00",
		"datetime({date: date('1984-10-11'), time: time('12:31:14+01:00'), timezone: '+05:00'})":     "1984-10-11T16:31:14+05:00",
		"datetime({datetime: " + stockholm + ", timezone: '+05:00'})":                                "1984-10-11T16:00+05:00",
		"datetime({datetime: " + stockholm + ", day: 28, second: 42})":                               "1984-10-28T12:00:42+01:00[Europe/Stockholm]",
		"datetime({datetime: " + stockholm + ", day: 28, second: 42, timezone: 'Pacific/Honolulu'})": "1984-10-28T01:00:42-10:00[Pacific/Honolulu]",
		"datetime({date: " + other + ", hour: 10, minute: 10})":                                      "1984-10-11T10:10Z",
		"datetime(localdatetime('1984-10-11T12:31'))":                                                "1984-10-11T12:31Z",
		"datetime()":                                       "2026-07-01T12:00Z",
		"date() - duration('P1D')":                         "2026-06-30",
		"'2026-06-30T00:00:00Z' < datetime()":              "true",
		"('2026-06-30T00:00:00Z' + duration('PT1H')).hour": "1",
		"duration('P1Y2M3W4DT5H6M7.8S')":                   "P1Y2M25DT5H6M7.8S",
		"datetime.truncate('week', datetime('2026-07-01T12:34:56Z'), {hour: 3})": "2026-06-29T03:00Z",
	} {
		if got := strings.Trim(answer(t, w, "RETURN "+text, nil), "'"); got != want {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
}

// The estate the following tests ask about.
const estate = `CREATE (a:System {name: 'a', cores: 4}), (b:System {name: 'b', cores: 8}), (c:System {name: 'c'}), (sw:System:Switch {name: 'sw'}),
	(a)-[:HAS_NIC]->(an:NIC {mac: '1'}), (b)-[:HAS_NIC]->(bn:NIC {mac: '2'}),
	(an)-[:CABLED_TO {via: 'lldp'}]->(p:Port {port: 'Gi1'}), (bn)-[:CABLED_TO {via: 'cdp'}]->(p2:Port {port: 'Gi2'}),
	(sw)-[:HAS_PORT]->(p), (sw)-[:HAS_PORT]->(p2), (a)-[:NEEDS]->(b), (b)-[:NEEDS]->(c), (c)-[:NEEDS]->(a)`

func TestQueries(t *testing.T) {
	w := newWorld()
	if err := w.execute(estate); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"MATCH (s:System) OPTIONAL MATCH (s)-[:HAS_NIC]->(n) RETURN s.name, n.mac ORDER BY s.name":                                  "'a', '1'\n'b', '2'\n'c', null\n'sw', null",
		"MATCH (s:System) WHERE (s)-[:HAS_NIC]->() RETURN s.name ORDER BY s.name":                                                   "'a'\n'b'",
		"MATCH (s:System) WHERE NOT EXISTS { (s)-[:HAS_NIC]->(n) WHERE n.mac = '1' } RETURN collect(s.name) AS x":                   "['b', 'c', 'sw']",
		"MATCH (s:System) RETURN s.name AS n, COUNT { (s)-->() } AS c ORDER BY c DESC, n LIMIT 2":                                   "'a', 2\n'b', 2",
		"MATCH (s:Switch) RETURN [(s)-[:HAS_PORT]->(p)<-[r:CABLED_TO]-() WHERE r.via = 'cdp' | p.port] AS ports":                    "['Gi2']",
		"MATCH p = (a {name: 'a'})-[:NEEDS*]->(x) RETURN x.name, length(p)":                                                         "'b', 1\n'c', 2\n'a', 3",
		"MATCH (a {name: 'a'})-[:NEEDS*0..1]->(x) RETURN DISTINCT x.name":                                                           "'a'\n'b'",
		"MATCH (a {name: 'a'})-[:NEEDS*]->(x) RETURN DISTINCT x.name":                                                               "'b'\n'c'\n'a'",
		"MATCH (a:System {name: 'a'}), (sw:Switch) MATCH p = shortestPath((a)-[*]-(sw)) RETURN [n IN nodes(p) | labels(n)[0]] AS l": "['System', 'NIC', 'Port', 'System']",
		"MATCH (a:System {name: 'a'}), (b:System {name: 'c'}) MATCH p = allShortestPaths((a)-[:NEEDS*]-(b)) RETURN length(p)":       "1",
		"MATCH (s:System) RETURN sum(s.cores), avg(s.cores), min(s.name), max(s.name), count(*), count(s.cores)":                    "12, 6.0, 'a', 'sw', 4, 2",
		"UNWIND [1, 2, 2, null] AS x RETURN count(DISTINCT x), collect(x), stDev(x) > 0.5":                                          "2, [1, 2, 2], true",
		"UNWIND [10, 20, 30] AS x RETURN percentileDisc(x, 0.5), percentileCont(x, 0.25), percentileDisc(x, 0.0)":                   "20, 15.0, 10",
		"UNWIND [3, 1, 2] AS x WITH x ORDER BY x SKIP 1 LIMIT 1 RETURN x":                                                           "2",
		"RETURN 1 AS x UNION RETURN 1 AS x UNION RETURN 2 AS x":                                                                     "1\n2",
		"RETURN 1 AS x UNION ALL RETURN 1 AS x":                                                                                     "1\n1",
		"MATCH (s:System {name: 'a'}) RETURN s {.name, .*, extra: 1}":                                                               "{cores: 4, extra: 1, name: 'a'}",
		"MATCH (s:System) WHERE s.name = 'a' OR s.name = 'sw' RETURN s.name, s:Switch ORDER BY s.name":                              "'a', false\n'sw', true",
		"MATCH (s:System) WHERE s.name IN ['a', 'b', 'a', null] RETURN count(s)":                                                    "2",
		"MATCH ()-[r:NEEDS]->() RETURN count(r)":                                                                                    "3",
		"MATCH (n) WHERE key(n) STARTS WITH 'System' RETURN count(*)":                                                               "4",
		"CALL db.labels() YIELD label WHERE label STARTS WITH 'S' RETURN label":                                                     "'Switch'\n'System'",
		"CALL db.relationshipTypes()": "'CABLED_TO'\n'HAS_NIC'\n'HAS_PORT'\n'NEEDS'",
		"MATCH (s:System {name: 'a'}) RETURN toString(first_seen(s)), sources(s)":                                "'2026-01-01T00:00:17Z', ['tck']",
		"MATCH (a)-[r1:NEEDS]-(b)-[r2:NEEDS]-(c) WHERE a.name = 'a' RETURN b.name, c.name ORDER BY b.name":       "'b', 'c'\n'c', 'b'",
		"MATCH (s:System) WITH s.name AS n, [x IN [1, 2] WHERE x > 1] AS l RETURN DISTINCT l":                    "[2]",
		"MATCH (s:System) RETURN COLLECT { MATCH (s)-[:NEEDS]->(o) RETURN o.name } AS o ORDER BY s.name LIMIT 1": "['b']",
	} {
		if got := answer(t, w, text, nil); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestErrorsPointAtThePlaceAndHelp(t *testing.T) {
	for text, want := range map[string][]string{
		"MATCH (n:System\nWHERE n.name = 1 RETURN n":      {"line 2, column 1", `expected ")" to end the node`, "\n  WHERE n.name = 1 RETURN n\n  ^"},
		"MATCH (node) RETURN nod.name":                    {"line 1, column 21", "nod is not defined", "did you mean node?"},
		"MATHC (n) RETURN n":                              {"did you mean MATCH?"},
		"RETURN tolowr('x')":                              {"did you mean tolower()?"},
		"CREATE (n)":                                      {"CREATE would write", "only read"},
		"MATCH (n) SET n.x = 1":                           {"SET would write"},
		"MATCH (n) DETACH DELETE n":                       {"DETACH would write"},
		"MATCH (n) WHERE n.x = 'abc RETURN n":             {"column 23", "not closed"},
		"RETURN 1 +":                                      {"expected an expression but found the end of the query"},
		"RETURN 99999999999999999999":                     {"does not fit"},
		"MATCH (n) RETURN n LIMIT n.x":                    {"LIMIT cannot depend on a variable"},
		"MATCH (n) WHERE count(n) > 1 RETURN n":           {"only the items of WITH and RETURN"},
		"MATCH (n) RETURN [x IN [1] | count(x)]":          {"aggregates"},
		"CALL db.lables()":                                {"did you mean db.labels?"},
		"MATCH (n) RETURN n.a + count(*)":                 {"grouping key"},
		"MATCH (n {a: $p}) RETURN (n)-->()":               {"condition and cannot be used as a value"},
		"MATCH (n)":                                       {"must end with RETURN"},
		strings.Repeat("(", 5000):                         {"expected a clause"},
		"RETURN " + strings.Repeat("(", 5000):             {"deeper than"},
		"RETURN " + strings.Repeat("NOT ", 5000) + "true": {"deeper than"},
		"RETURN " + strings.Repeat("[x IN [", 60) + "1" + strings.Repeat("], 2]", 60): {"tangled"},
	} {
		_, err := Parse(text)
		if err == nil {
			t.Errorf("%.60s is accepted", text)
			continue
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%.60s: %q is missing in:\n%v", text, part, err)
			}
		}
	}
}

func TestErrorsSayWhatToDoInstead(t *testing.T) {
	w := newWorld()
	if err := w.execute(estate); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"MATCH (n:System) WHER n.name = 'x' RETURN n":              "column 18|did you mean WHERE?",
		"MATCH n:System RETURN n":                                  "column 7|a node is (n:Label)",
		"MATCH (n)-[:HAS_NIC]>(m) RETURN m":                        "column 21|an arrow is --> or -[:TYPE]->",
		"MATCH (n)->(m) RETURN m":                                  "column 11|an arrow is",
		"MATCH (n:System) RETURN n.name n.status":                  "column 32|a comma or an operator is missing",
		"SELECT name FROM System":                                  "column 1|MATCH (s:System) RETURN s.name where SQL",
		"MATCH (n) WHERE n.name == 'x' RETURN n":                   "column 25|equality is a single =",
		"MATCH (n) WHERE n.name != 'x' RETURN n":                   "column 24|unequal is <>",
		"MATCH (n) WHERE n.name LIKE 'x%' RETURN n":                "column 24|STARTS WITH, ENDS WITH, CONTAINS",
		"MATCH (n) WHERE n.a && n.b RETURN n":                      "column 21|both is AND",
		"MATCH (n) WHERE n.a || n.b RETURN n":                      "column 21|either is OR",
		"MATCH (n) WHERE !n.a RETURN n":                            "column 17|negation is NOT",
		"MATCH (n) WHERE n.name IS NOT NUL RETURN n":               "column 24|IS is followed by NULL or NOT NULL",
		"MATCH (n) WHERE n.name STARTS 'x' RETURN n":               "column 24|it is STARTS WITH",
		"MATCH (n) WHERE n.name CONTAIN 'x' RETURN n":              "column 24|did you mean CONTAINS?",
		"MATCH (n) LIMIT 10 RETURN n":                              "column 11|LIMIT follows the items of RETURN",
		"MATCH (n) RETURN n ORDER n.name":                          "column 20|ORDER BY follows",
		"WHERE n.name = 'x' RETURN n":                              "column 1|WHERE follows MATCH or WITH",
		"OPTIONAL (n) RETURN n":                                    "column 1|OPTIONAL is followed by MATCH",
		"MATCH (n) RETURN n GROUP BY n.name":                       "column 20|groups by what does not aggregate",
		"MATCH (n) RETURN n.name HAVING count(*) > 1":              "column 25|WITH s.os AS os, count(*) AS n WHERE",
		"MATCH (n) RETURN n; MATCH (m) RETURN m":                   "column 21|ask one question at a time",
		"SHOW INDEXES":                                             "column 1|CALL db.labels()",
		"MATCH (n) WHERE RETURN n":                                 `column 17|expected an expression but found "RETURN"`,
		"MATCH (n) WHERE n.name = 'web' AND RETURN n":              `column 36|expected an expression but found "RETURN"`,
		"MATCH (n-name) RETURN n":                                  "column 9|back quotes",
		"MATCH (n) WHERE n.name = \u2018up\u2019 RETURN n":         "column 26|straight quotes",
		"MATCH (n) \u2013 [:HAS_NIC]->(m) RETURN m":                "column 11|write -",
		"MATCH (n) WHERE n.status = up RETURN n":                   "column 28|text stands in quotes: 'up'",
		"MATCH (s) WITH s.name AS name RETURN s.status":            "column 38|only what WITH names goes on",
		"MATCH (s) RETURN s.name AS n, count(*) AS c ORDER BY s.x": "column 54|knows only the columns",
		"RETURN count(1, 2)":                                       "column 8|count() takes 1 argument, not 2",
		"RETURN len('abc')":                                        "column 8|here it is size()",
		"RETURN now()":                                             "column 8|here it is datetime()",
		"CALL apoc.help('x')":                                      "column 1|there are db.labels, ",
		"MATCH (n:System) RETURN length(n.name)":                   "column 25|size() is for lists and text",
		"RETURN 1 / 0":                                             "column 8|has no result",
		"RETURN 'x' =~ '['":                                        "column 15|missing closing ]: `[`",
		"RETURN date('yesterday')":                                 "column 8|such as 2015-07-21",
		"UNWIND [1, 2] AS x\nRETURN 1 % (x - 1)":                   "line 2, column 8|has no result",
		"RETURN 1 +\n $host":                                       "line 2, column 2|host=VALUE after the query",
	} {
		got := answer(t, w, text, nil)
		for _, part := range strings.Split(want, "|") {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %q is missing in:\n%v", text, part, got)
			}
		}
		if strings.Contains(got, "did you mean RETURN") {
			t.Errorf("%s: what is there is offered:\n%v", text, got)
		}
	}
}

func TestEveryOfferedWordIsKnown(t *testing.T) {
	for _, name := range Functions() {
		if _, err := Parse("RETURN " + name + "()"); err != nil && strings.Contains(err.Error(), "no function") {
			t.Error(err)
		}
	}
	for _, name := range Procedures() {
		if _, err := Parse("CALL " + name); err != nil {
			t.Error(err)
		}
	}
}

func TestAMissingParameterIsNamed(t *testing.T) {
	got := answer(t, newWorld(), "RETURN $host AS h", map[string]any{"hots": 1})
	if !strings.Contains(got, "$host") || !strings.Contains(got, "$hots was given") {
		t.Error(got)
	}
}

func TestLimitsEndAQueryWithAClearError(t *testing.T) {
	w := newWorld()
	for text, c := range map[string]struct {
		lim    Limits
		detail string
	}{
		"UNWIND range(1, 1000) AS x RETURN x":                                                 {Limits{Rows: 10}, "RowLimit"},
		"UNWIND range(1, 100000) AS x WITH collect(x) AS l RETURN size(l)":                    {Limits{Memory: 1 << 20}, "MemoryLimit"},
		"RETURN range(1, 1000000000000)":                                                      {Limits{Memory: 1 << 20}, "MemoryLimit"},
		"RETURN reduce(s = 'x', i IN range(1, 100) | s + s)":                                  {Limits{Memory: 1 << 20}, "MemoryLimit"},
		"UNWIND range(1, 100000) AS x WITH DISTINCT x RETURN count(*)":                        {Limits{Memory: 1 << 20}, "MemoryLimit"},
		"UNWIND range(1, 100000) AS x RETURN x ORDER BY x":                                    {Limits{Memory: 1 << 20}, "MemoryLimit"},
		"UNWIND range(1, 30000) AS x UNWIND range(1, 30000) AS y WITH x WHERE x < 0 RETURN x": {Limits{Time: 20 * time.Millisecond}, "TimeLimit"},
		"RETURN size([x IN range(1, 30000) WHERE any(y IN range(1, 30000) WHERE y < 0)])":     {Limits{Time: 20 * time.Millisecond}, "TimeLimit"},
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := q.Run(context.Background(), w.view(), nil, c.lim)
		if err != nil {
			t.Fatal(err)
		}
		_, err = rows.Collect()
		var e *Error
		if !errors.As(err, &e) || e.Type != LimitError || e.Detail != c.detail {
			t.Errorf("%s: %v, want %s", text, err, c.detail)
		}
	}
}

func TestACanceledQueryEnds(t *testing.T) {
	q, err := Parse("UNWIND range(1, 1000000) AS x RETURN x")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rows, err := q.Run(ctx, newWorld().view(), nil, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err = range rows.All() {
		if n++; n == 10 {
			cancel()
		}
	}
	if !errors.Is(err, context.Canceled) || n > 10+checkEvery+1 {
		t.Error(n, err)
	}
}

func TestRowsStream(t *testing.T) {
	q, err := Parse("UNWIND range(1, 1000000) AS x RETURN x")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := q.Run(context.Background(), newWorld().view(), nil, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range rows.All() {
		if err != nil || row[0] != int64(1) {
			t.Fatal(row, err)
		}
		break
	}
	if steps := rows.rt.steps; steps > 2 {
		t.Errorf("%d steps were made for one row", steps)
	}
}

func TestPlansStartAtTheMostSelectivePlace(t *testing.T) {
	w := newWorld()
	if err := w.execute(estate + "; UNWIND range(1, 200) AS i CREATE (:System {name: 'x' + i})-[:HAS_NIC]->(:NIC {mac: 'm' + i})"); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"MATCH (s:System)-[:HAS_NIC]->(n:NIC) WHERE s.name = 'a' RETURN n":     {"LookUp (s:System) by s.name = 'a'", "Expand (s:System)-[:HAS_NIC]->(n:NIC)"},
		"MATCH (s:System)-[:HAS_NIC]->(n:NIC {mac: '1'}) RETURN s":             {"LookUp (n:NIC)", "Expand (n:NIC)<-[:HAS_NIC]-(s:System)"},
		"MATCH (s:System)-[:HAS_NIC]->(n:NIC)-[:CABLED_TO]->(p:Port) RETURN s": {"Scan (p:Port)", "Expand (p:Port)<-[:CABLED_TO]-(n:NIC)"},
		"MATCH (n) WHERE key(n) = 'NIC:x' RETURN n":                            {"Get (n) by key(n)"},
		"MATCH ()-[r:NEEDS]->() RETURN r":                                      {"ScanRels"},
		"MATCH (s:System) WHERE s.name = $h OR s.id = $h RETURN s":             {"LookUp (s:System)"},
		"MATCH (s:System {name: 'a'})-[:NEEDS*]->(o) RETURN DISTINCT o":        {"Reach"},
		"MATCH (s:System {name: 'a'})-[:NEEDS*]->(o) RETURN o":                 {"Walk"},
		"MATCH (s:System) WHERE EXISTS { (s)-[:HAS_NIC]->() } RETURN s":        {"Subquery EXISTS", "  Expand (s)-[:HAS_NIC]->()"},
	} {
		q, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := q.Explain(w.view())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(plan.String(), part) {
				t.Errorf("%s: %q is not in\n%s", text, part, plan)
			}
		}
	}
}

func TestExplainAndProfileAnswerAsRows(t *testing.T) {
	w := newWorld()
	if err := w.execute(estate); err != nil {
		t.Fatal(err)
	}
	explained := answer(t, w, "EXPLAIN MATCH (s:System) RETURN s.name", nil)
	if !strings.Contains(explained, "'Scan', '(s:System)', 4.0, null") {
		t.Error(explained)
	}
	if guess := answer(t, w, "EXPLAIN MATCH (s:System {name: 'x'})-->(n) RETURN n", nil); regexp.MustCompile(`\d\.\d{3}`).MatchString(guess) {
		t.Errorf("a guess pretends to be exact:\n%s", guess)
	}
	profiled := answer(t, w, "PROFILE MATCH (s:System) OPTIONAL MATCH (s)-[:HAS_NIC]->(n) RETURN s.name, n", nil)
	for _, part := range []string{"'Scan', '(s:System)', 4.0, 4", "'  Expand', '(s)-[:HAS_NIC]->(n)'", "'Result', 's.name, n', null, 4", "'Reads', 'nodes looked up one by one', null,"} {
		if !strings.Contains(profiled, part) {
			t.Errorf("%q is not in\n%s", part, profiled)
		}
	}
}

// Between two corners of a grid there are as many shortest paths as ways to
// order the steps.
func TestShortestPathsAreAllFound(t *testing.T) {
	w := newWorld()
	if err := w.execute("UNWIND range(0, 3) AS x UNWIND range(0, 3) AS y CREATE (:P {at: x * 10 + y})"); err != nil {
		t.Fatal(err)
	}
	if err := w.execute("MATCH (a:P), (b:P) WHERE b.at = a.at + 1 OR b.at = a.at + 10 CREATE (a)-[:TO]->(b)"); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"MATCH (a:P {at: 0}), (b:P {at: 33}) MATCH p = allShortestPaths((a)-[:TO*]->(b)) RETURN count(p), min(length(p)), max(length(p))": "20, 6, 6",
		"MATCH (a:P {at: 33}), (b:P {at: 0}) MATCH p = allShortestPaths((a)-[:TO*]-(b)) RETURN count(p)":                                  "20",
		"MATCH (a:P {at: 0}), (b:P {at: 33}) MATCH p = shortestPath((a)-[:TO*]->(b)) RETURN length(p)":                                    "6",
		"MATCH (a:P {at: 0}), (b:P {at: 33}) MATCH p = shortestPath((a)-[:TO*..5]->(b)) RETURN length(p)":                                 "",
		"MATCH (a:P {at: 33}), (b:P {at: 0}) MATCH p = shortestPath((a)-[:TO*]->(b)) RETURN length(p)":                                    "",
		"MATCH (a:P {at: 33}), (b:P {at: 22}) MATCH p = shortestPath((a)<-[:TO*]-(b)) RETURN [n IN nodes(p) | n.at][0], length(p)":        "33, 2",
		"MATCH (a:P {at: 0}), (b:P {at: 1}) MATCH p = allShortestPaths((a)-[:TO*]-(b)) RETURN [n IN nodes(p) | n.at]":                     "[0, 1]",
		"MATCH (a:P {at: 0}) MATCH p = shortestPath((a)-[:TO*0..]-(a)) RETURN length(p)":                                                  "0",
		"MATCH (a:P {at: 0}), (b:P {at: 33}) MATCH p = allShortestPaths((a)-[:TO*]->(b)) WITH nodes(p) AS n RETURN count(DISTINCT n)":     "20",
		"MATCH (a:P {at: 0}), (b:P) MATCH p = shortestPath((a)-[:TO*]->(b)) RETURN sum(length(p))":                                        "48",
	} {
		if got := answer(t, w, text, nil); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestOneQueryRunsInManyGoroutines(t *testing.T) {
	w := newWorld()
	if err := w.execute(estate); err != nil {
		t.Fatal(err)
	}
	q, err := Parse("MATCH (s:System)-[:NEEDS*1..3]->(o) WHERE s.name <> $n AND EXISTS { (o)-[:NEEDS]->() } RETURN s.name, collect(o.name) AS o ORDER BY s.name")
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan string)
	for range 8 {
		go func() {
			text := ""
			for range 50 {
				view, err := w.store.View(context.Background(), time.Time{})
				if err != nil {
					text = err.Error()
					break
				}
				rows, err := q.Run(context.Background(), view, map[string]any{"n": "a"}, Limits{})
				if err != nil {
					text = err.Error()
					break
				}
				all, err := rows.Collect()
				if err != nil || len(all) != 2 {
					text = fmt.Sprintf("%d rows: %v", len(all), err)
				}
				if err := view.Close(); err != nil {
					text = err.Error()
				}
			}
			results <- text
		}()
	}
	for range 8 {
		if text := <-results; text != "" {
			t.Error(text)
		}
	}
}
