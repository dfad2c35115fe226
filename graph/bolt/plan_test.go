package bolt

import (
	"slices"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v6/neo4j"

	"assim/graph"
)

// A plan that is kept must be one that still serves when there are a million nodes.
func TestWhatIsPlannedOnceLooksUpByAnIndexFromTheBeginning(t *testing.T) {
	s := openEmpty(t, servers(t)[0])
	defer s.Close()
	for _, text := range []string{writeAll, writeFirst, askDocumentsText, loadRefsText, loadSourcesText, loadNodesText, loadClaimsText, loadNamesText, loadRelsText(graph.Runs),
		expansion{dir: graph.Both, kind: typesText([]string{graph.Runs})}.text()} {
		rest, ok := strings.CutPrefix(text, samePlan)
		if !ok {
			t.Errorf("%.60q is planned again and again", text)
		}
		session := s.session(t.Context())
		res, err := session.Run(t.Context(), "CYPHER replan=force EXPLAIN "+rest, map[string]any{"p": nil, "limit": 1})
		if err != nil {
			t.Fatal(err)
		}
		summary, err := res.Consume(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		lookups := 0
		for _, name := range operators(summary.Plan()) {
			name, _, _ = strings.Cut(name, "@")
			if strings.Contains(name, "Scan") {
				t.Errorf("on an empty graph, %.80q is planned with a %s", rest, name)
			}
			if strings.Contains(name, "IndexSeek") {
				lookups++
			}
		}
		if lookups == 0 {
			t.Errorf("on an empty graph, %.80q looks up by no index", rest)
		}
		session.Close(t.Context())
	}
}

func operators(p neo4j.Plan) []string {
	all := []string{p.Operator()}
	for _, c := range p.Children() {
		all = append(all, operators(c)...)
	}
	return slices.Compact(all)
}
