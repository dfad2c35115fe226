// short: from a switch port to the clients of what runs behind it
// long: Switch port, interface, system, process, endpoint, client process and its
//   system: who notices when this port goes down.
// args: switch:host, port:regexp=.*
// line: ${switch} ${port} > ${system} ${service} ${endpoint} < ${client_service} on ${client}
MATCH (sw:System)
WHERE sw.name = $switch OR sw.id = $switch
MATCH (sw)-[:HAS_PORT]->(port:SwitchPort)<-[:CABLED_TO]-(nic:NIC)<-[:HAS_NIC]-(s:System)
WHERE port.port =~ $port
MATCH (s)-[:RUNS]->(p:Process)-[:LISTENS_ON]->(e:Endpoint)
OPTIONAL MATCH (e)<-[:CONNECTS_TO]-(cp:Process)<-[:RUNS]-(c:System)
RETURN sw.name AS switch, port.port AS port, nic.ifname AS interface, s.name AS system, p.name AS service,
  e.proto + '/' + e.addr + ':' + e.port AS endpoint, cp.name AS client_service, c.name AS client
ORDER BY port, interface, system, service, endpoint, client, client_service
