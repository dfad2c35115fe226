// short: which system has a hardware address
// long: The system and interface with the address, and the IP addresses it was seen
//   with.
// args: mac:mac
// line: ${mac} is ${interface} of ${system}
MATCH (n:NIC)
WHERE n.mac = $mac
OPTIONAL MATCH (s:System)-[:HAS_NIC]->(n)
OPTIONAL MATCH (n)-[:HAS_IP]->(a:IPAddr)
WITH n, s, a ORDER BY a.addr
RETURN n.mac AS mac, s.name AS system, n.ifname AS interface, collect(a.addr) AS ips
ORDER BY system, interface
UNION
MATCH ()-[seen:SEES|CONTAINS]->(a:IPAddr)
WHERE seen.mac = $mac AND NOT EXISTS { MATCH (known:NIC) WHERE known.mac = $mac }
WITH DISTINCT a ORDER BY a.addr
RETURN $mac AS mac, null AS system, null AS interface, collect(a.addr) AS ips
