// short: which switch ports a system is cabled to
// long: The switch and port behind every interface of a system that hears LLDP or
//   CDP; for a switch, what hangs on its ports.
// args: host:host
// line: ${system} ${interface} is on ${switch} ${port}
MATCH (s:System)
WHERE s.name = $host OR s.id = $host
MATCH (s)-[:HAS_NIC]->(n:NIC)-[:CABLED_TO]->(p:SwitchPort)<-[:HAS_PORT]-(sw:System)
RETURN sw.name AS switch, p.port AS port, p.description AS description, p.vlan AS vlan, s.name AS system, n.ifname AS interface, n.mac AS mac
ORDER BY switch, port, system, interface
UNION
MATCH (sw:System)
WHERE sw.name = $host OR sw.id = $host
MATCH (sw)-[:HAS_PORT]->(p:SwitchPort)<-[:CABLED_TO]-(n:NIC)<-[:HAS_NIC]-(s:System)
RETURN sw.name AS switch, p.port AS port, p.description AS description, p.vlan AS vlan, s.name AS system, n.ifname AS interface, n.mac AS mac
ORDER BY switch, port, system, interface
