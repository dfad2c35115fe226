// short: how two systems are connected
// long: The shortest chains of cables, networks, processes and dependencies between
//   two systems.
// args: from:host, to:host
// line: ${hops} hops: ${through}
MATCH (a:System), (b:System)
WHERE (a.name = $from OR a.id = $from) AND (b.name = $to OR b.id = $to)
MATCH p = allShortestPaths((a)-[:HAS_NIC|CABLED_TO|HAS_PORT|HAS_IP|IN_SUBNET|RUNS|CONNECTS_TO|LISTENS_ON|HOSTED_BY|DEPENDS_ON*..16]-(b))
RETURN length(p) AS hops, [n IN nodes(p) | head(labels(n)) + ' ' + coalesce(n.name, n.description, n.ifname, n.port, n.addr, n.prefix, key(n))] AS through, [r IN relationships(p) | type(r)] AS by
ORDER BY hops, through
LIMIT 20
