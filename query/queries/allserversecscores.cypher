// short: security scores of all systems
// long: Points of failing security rules for every system, worst first.
//   Empty until there are audits: nothing writes findings so far.
// line: ${system}: ${score}
MATCH (s:System)-[:HAS_FINDING]->(f:Finding)-[:OF]->(r:Rule)
WHERE r.area = 'security'
RETURN s.name AS system, sum(CASE WHEN f.state = 'fail' THEN coalesce(f.score, 1) ELSE 0 END) AS score, count(CASE f.state WHEN 'fail' THEN 1 END) AS failed, count(CASE f.state WHEN 'pass' THEN 1 END) AS passed
ORDER BY score DESC, system
