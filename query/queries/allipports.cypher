// short: every address and port somebody listens on
// long: All listening endpoints with their process and system.
// line: ${system}: ${proto}/${addr}:${port} ${service}
MATCH (s:System)-[:RUNS]->(p:Process)-[:LISTENS_ON]->(e:Endpoint)
RETURN s.name AS system, e.proto AS proto, e.addr AS addr, e.port AS port, e.scope AS scope, p.name AS service, p.exe AS exe
ORDER BY system, proto, port, addr, service
