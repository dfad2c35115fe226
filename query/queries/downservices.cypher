// short: monitored services that are not well
// long: Every check whose last result was neither success nor unknown, with what it
//   monitors and where.
//   Empty until there is monitoring: nothing writes checks so far.
// line: ${service} on ${system}: ${state}
MATCH (c:Check)-[:MONITORS]->(t)
WHERE NOT c.state IN ['ok', 'up', 'unknown']
OPTIONAL MATCH (owner:System)-[:RUNS]->(t)
WITH c, t, CASE WHEN t:System THEN t ELSE owner END AS s
RETURN s.name AS system, t.name AS service, c.class AS class, c.type AS type, c.state AS state
ORDER BY system, service, class, type
