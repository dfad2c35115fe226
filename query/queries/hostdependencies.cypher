// short: what a system needs and who needs it, service by service
// long: Every connection between a process on the system and a listening process,
//   in both directions.
// args: host:host
// line: ${system}/${service} ${direction} ${other}/${other_service} at ${endpoint}
MATCH (s:System)
WHERE s.name = $host OR s.id = $host
MATCH (s)-[:RUNS]->(p:Process)-[:CONNECTS_TO]->(e:Endpoint)
OPTIONAL MATCH (e)<-[:LISTENS_ON]-(q:Process)<-[:RUNS]-(o:System)
RETURN s.name AS system, p.name AS service, 'needs' AS direction, o.name AS other, q.name AS other_service, e.proto + '/' + e.addr + ':' + e.port AS endpoint
ORDER BY service, endpoint, other
UNION
MATCH (s:System)
WHERE s.name = $host OR s.id = $host
MATCH (s)-[:RUNS]->(p:Process)-[:LISTENS_ON]->(e:Endpoint)<-[:CONNECTS_TO]-(q:Process)<-[:RUNS]-(o:System)
RETURN s.name AS system, p.name AS service, 'is needed by' AS direction, o.name AS other, q.name AS other_service, e.proto + '/' + e.addr + ':' + e.port AS endpoint
ORDER BY service, endpoint, other
