// short: which system has an IP address
// long: The system and interface that carry the address, and who has seen it by ARP.
// args: ip:ip
// line: ${ip} is ${interface} of ${system}
MATCH (a:IPAddr)
WHERE a.addr = $ip
OPTIONAL MATCH (s:System)-[:HAS_NIC]->(n:NIC)-[:HAS_IP]->(a)
OPTIONAL MATCH (w:System)-[:HAS_NIC]->(by:NIC)-[way:SEES|CONTAINS*1..2]->(a)
WHERE last(way).link IS NULL OR last(way).link = by.ifname
WITH a, s, n, w, last(way) AS seen ORDER BY w.name
RETURN a.addr AS ip, s.name AS system, n.ifname AS interface, n.mac AS mac, collect(DISTINCT seen.mac) AS seen_as, collect(DISTINCT w.name) AS seen_by
ORDER BY system, interface
