// short: single points of failure
// long: Switches that are the only one of their systems, hosts of guests, and systems
//   that others are clients of; with how many systems hang on each.
// args: least:integer=2
// line: ${system} (${why}): ${dependents} systems hang on it
MATCH (s:System)-[:HAS_NIC]->(:NIC)-[:CABLED_TO]->(:SwitchPort)<-[:HAS_PORT]-(sw:System)
WITH s, collect(DISTINCT sw) AS switches
WHERE size(switches) = 1
WITH head(switches) AS x, collect(s.name) AS names
WHERE size(names) >= $least
RETURN x.name AS system, x.kind AS kind, 'only switch' AS why, size(names) AS dependents
ORDER BY dependents DESC, system
UNION
MATCH (x:System)<-[:HOSTED_BY]-(guest:System)
WITH x, count(DISTINCT guest) AS n
WHERE n >= $least
RETURN x.name AS system, x.kind AS kind, 'hosts guests' AS why, n AS dependents
ORDER BY dependents DESC, system
UNION
MATCH (x:System)<-[:DEPENDS_ON]-(client:System)
WITH x, count(DISTINCT client) AS n
WHERE n >= $least
RETURN x.name AS system, x.kind AS kind, 'serves clients' AS why, n AS dependents
ORDER BY dependents DESC, system
