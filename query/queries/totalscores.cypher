// short: scores of the whole installation by area
// long: Points of all systems together for each area of rules.
//   Empty until there are audits: nothing writes findings so far.
// line: ${area}: ${score}
MATCH (s:System)-[:HAS_FINDING]->(f:Finding)-[:OF]->(r:Rule)
RETURN r.area AS area, sum(CASE WHEN f.state = 'fail' THEN coalesce(f.score, 1) ELSE 0 END) AS score, count(CASE f.state WHEN 'fail' THEN 1 END) AS failed, count(CASE f.state WHEN 'pass' THEN 1 END) AS passed, count(DISTINCT s) AS systems
ORDER BY score DESC, area
