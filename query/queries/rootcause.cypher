// short: what several systems have in common upstream
// long: Systems and switches that all of the named systems need, directly or not;
//   what is down comes first, then what the fewest others need.
// args: hosts:hosts
// line: ${system} (${kind}) is ${status}
MATCH (h:System)
WHERE h.name IN $hosts
WITH collect(DISTINCT h) AS asked
UNWIND asked AS h
MATCH (h)-[:DEPENDS_ON|HOSTED_BY*0..]->(u:System)
WITH DISTINCT asked, h, u
OPTIONAL MATCH (u)-[:HAS_NIC]->(:NIC)-[:CABLED_TO]->(:SwitchPort)<-[:HAS_PORT]-(sw:System)
WITH asked, h, collect(DISTINCT u) + collect(DISTINCT sw) AS upstream
UNWIND upstream AS u
WITH asked, u, count(DISTINCT h) AS needed_by
WHERE needed_by = size(asked) AND NOT (size(asked) = 1 AND u IN asked)
RETURN u.name AS system, u.kind AS kind, u.status AS status,
  COUNT { (u)<-[:DEPENDS_ON|HOSTED_BY]-(:System) } + COUNT { (u)-[:HAS_PORT]->(:SwitchPort)<-[:CABLED_TO]-(:NIC) } AS others
ORDER BY CASE WHEN status IN ['dead', 'unresponsive', 'shutdown'] THEN 0 ELSE 1 END, others, system
