// short: every switch port we know and what is cabled to it
// long: Switches and ports as LLDP and CDP tell of them.
// line: ${switch} ${port} (${description}): ${system} ${interface}
MATCH (sw:System)-[:HAS_PORT]->(p:SwitchPort)
OPTIONAL MATCH (p)<-[:CABLED_TO]-(n:NIC)<-[:HAS_NIC]-(s:System)
RETURN sw.name AS switch, p.port AS port, p.description AS description, p.vlan AS vlan, s.name AS system, n.ifname AS interface, n.mac AS mac
ORDER BY switch, port, system, interface
