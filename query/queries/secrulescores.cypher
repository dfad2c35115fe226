// short: which security rules fail most
// long: Points and systems of every security rule, worst first.
//   Empty until there are audits: nothing writes findings so far.
// line: ${rule}: ${failed} systems, ${score} points
MATCH (s:System)-[:HAS_FINDING]->(f:Finding)-[:OF]->(r:Rule)
WHERE r.area = 'security'
RETURN r.id AS rule, sum(CASE WHEN f.state = 'fail' THEN coalesce(f.score, 1) ELSE 0 END) AS score, count(CASE f.state WHEN 'fail' THEN 1 END) AS failed, count(CASE f.state WHEN 'pass' THEN 1 END) AS passed
ORDER BY score DESC, rule
