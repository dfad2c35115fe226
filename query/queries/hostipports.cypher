// short: every address and port a system listens on
// long: The listening endpoints of one system with their processes.
// args: host:host
// line: ${proto}/${addr}:${port} ${service}
MATCH (s:System)
WHERE s.name = $host OR s.id = $host
MATCH (s)-[:RUNS]->(p:Process)-[:LISTENS_ON]->(e:Endpoint)
RETURN e.proto AS proto, e.addr AS addr, e.port AS port, e.scope AS scope, p.name AS service, p.exe AS exe
ORDER BY proto, port, addr, service
