// short: addresses that were seen but belong to no known interface
// long: What neighbor tables hold and nobody we know carries: systems without a
//   nanoprobe.
// line: ${ip} (${mac}) seen by ${seen_by}
MATCH (w:System)-[:HAS_NIC]->(by:NIC)-[way:SEES|CONTAINS*1..2]->(a:IPAddr)
WHERE (last(way).link IS NULL OR last(way).link = by.ifname)
  AND NOT EXISTS { (a)<-[:HAS_IP]-(:NIC)<-[:HAS_NIC]-(:System {nanoprobe: true}) }
WITH a, last(way) AS seen, w ORDER BY w.name, seen.mac
RETURN a.addr AS ip, head(collect(seen.mac)) AS mac, collect(DISTINCT w.name) AS seen_by
ORDER BY ip
