// short: what makes up the security score of each system
// long: Every failing security rule of every system, worst system first.
//   Empty until there are audits: nothing writes findings so far.
// line: ${system}: ${rule} (${points})
MATCH (s:System)-[:HAS_FINDING]->(f:Finding)-[:OF]->(r:Rule)
WHERE r.area = 'security' AND f.state = 'fail'
WITH s, collect({rule: r.id, points: coalesce(f.score, 1)}) AS failing
WITH s, failing, reduce(sum = 0, x IN failing | sum + x.points) AS total
UNWIND failing AS x
RETURN s.name AS system, total, x.rule AS rule, x.points AS points
ORDER BY total DESC, system, points DESC, rule
