// short: a system and all that is directly around it, as nodes and relationships
// long: The system, its interfaces, processes and ports, and what these connect to,
//   for drawing.
// args: host:host
MATCH (s:System)
WHERE s.name = $host OR s.id = $host
MATCH (s)-[r1:HAS_NIC|RUNS|HAS_PORT|HOSTED_BY|MOUNTS|DEPENDS_ON]->(a)
OPTIONAL MATCH (a)-[r2:HAS_IP|LISTENS_ON|CONNECTS_TO|CABLED_TO|ON]->(b)
WITH collect(DISTINCT s) + collect(DISTINCT a) + collect(DISTINCT b) AS all, collect(DISTINCT r1) + collect(DISTINCT r2) AS links
UNWIND all AS n
WITH links, collect(DISTINCT n) AS nodes
RETURN nodes, links AS relationships
