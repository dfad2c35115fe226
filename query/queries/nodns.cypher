// short: addresses that have no DNS name
// long: Addresses of wider than host scope for which no name is known.
// line: ${ip} of ${systems} has no name
MATCH (a:IPAddr)
WHERE a.dns IS NULL AND NOT coalesce(a.scope, 'global') IN ['host', 'link']
OPTIONAL MATCH (s:System)-[:HAS_NIC]->(:NIC)-[:HAS_IP]->(a)
WITH a, s ORDER BY s.name
RETURN a.addr AS ip, collect(DISTINCT s.name) AS systems
ORDER BY ip
