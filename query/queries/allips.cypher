// short: every IP address, who has it and on which interface
// long: All addresses that a known interface carries.
// line: ${ip}: ${system} ${interface}
MATCH (s:System)-[:HAS_NIC]->(n:NIC)-[h:HAS_IP]->(a:IPAddr)
RETURN a.addr AS ip, h.prefix_len AS prefix_len, a.scope AS scope, s.name AS system, n.ifname AS interface, n.mac AS mac
ORDER BY ip, system, interface
