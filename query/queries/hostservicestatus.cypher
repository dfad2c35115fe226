// short: the monitored services of one system and their states
// long: All checks that monitor a system or a process on it.
//   Empty until there is monitoring: nothing writes checks so far.
// args: host:host
// line: ${service}: ${state}
MATCH (s:System)
WHERE s.name = $host OR s.id = $host
MATCH (s)-[:RUNS*0..1]->(t)<-[:MONITORS]-(c:Check)
RETURN t.name AS service, c.class AS class, c.type AS type, c.state AS state
ORDER BY service, class, type
