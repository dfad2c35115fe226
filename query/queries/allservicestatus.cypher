// short: every monitored service and its state
// long: All checks with what they monitor and their last result.
//   Empty until there is monitoring: nothing writes checks so far.
// line: ${service} on ${system}: ${state}
MATCH (c:Check)-[:MONITORS]->(t)
OPTIONAL MATCH (owner:System)-[:RUNS]->(t)
WITH c, t, CASE WHEN t:System THEN t ELSE owner END AS s
RETURN s.name AS system, t.name AS service, c.class AS class, c.type AS type, c.state AS state
ORDER BY system, service, class, type
