// short: all systems and what is directly around them, as nodes and relationships
// long: As hostsubgraph, for every system with a nanoprobe.
MATCH (s:System)
WHERE s.nanoprobe = true
MATCH (s)-[r1:HAS_NIC|RUNS|HAS_PORT|HOSTED_BY|MOUNTS|DEPENDS_ON]->(a)
OPTIONAL MATCH (a)-[r2:HAS_IP|LISTENS_ON|CONNECTS_TO|CABLED_TO|ON]->(b)
WITH collect(DISTINCT s) + collect(DISTINCT a) + collect(DISTINCT b) AS all, collect(DISTINCT r1) + collect(DISTINCT r2) AS links
UNWIND all AS n
WITH links, collect(DISTINCT n) AS nodes
RETURN nodes, links AS relationships
