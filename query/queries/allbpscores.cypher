// short: best-practice scores of every system and area
// long: For every system and area of rules the points of what fails: the higher, the
//   worse.
//   Empty until there are audits: nothing writes findings so far.
// line: ${system} ${area}: ${score}
MATCH (s:System)-[:HAS_FINDING]->(f:Finding)-[:OF]->(r:Rule)
RETURN s.name AS system, r.area AS area, sum(CASE WHEN f.state = 'fail' THEN coalesce(f.score, 1) ELSE 0 END) AS score, count(CASE f.state WHEN 'fail' THEN 1 END) AS failed, count(CASE f.state WHEN 'pass' THEN 1 END) AS passed
ORDER BY score DESC, system, area
