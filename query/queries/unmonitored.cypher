// short: services that nobody monitors
// long: Processes that listen somewhere and have no check.
//   Nothing writes checks so far, so this is all that listens.
// line: ${service} on ${system} listens on ${endpoints}
MATCH (s:System)-[:RUNS]->(p:Process)-[:LISTENS_ON]->(e:Endpoint)
WHERE NOT EXISTS { (p)<-[:MONITORS]-(:Check) }
WITH s, p, e ORDER BY e.proto, e.port, e.addr
RETURN s.name AS system, p.name AS service, p.exe AS exe, collect(DISTINCT e.proto + '/' + e.addr + ':' + e.port) AS endpoints
ORDER BY system, service, exe
