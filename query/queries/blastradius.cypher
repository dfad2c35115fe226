// short: what stops working, or is cut off, when a system fails
// long: Everything that depends on the system, directly or not: for a switch what is
//   cabled to it, what runs as a guest on it, and whoever is a client of any of
//   them. The column physical tells what fails with it from what merely needs it.
// args: host:host
// line: ${system} (${status}), physical: ${physical}
MATCH (s:System)
WHERE s.name = $host OR s.id = $host
OPTIONAL MATCH (s)-[:HAS_PORT]->(:SwitchPort)<-[:CABLED_TO]-(:NIC)<-[:HAS_NIC]-(cabled:System)
WITH s, [s] + collect(DISTINCT cabled) AS hit
UNWIND hit AS h
MATCH (h)<-[:HOSTED_BY*0..]-(guest:System)
WITH DISTINCT s, guest
WITH s, collect(guest) AS failing
UNWIND failing AS f
MATCH (f)<-[:DEPENDS_ON|HOSTED_BY*0..]-(d:System)
WITH DISTINCT s, failing, d
WHERE d <> s
RETURN d.name AS system, d.kind AS kind, d.status AS status, d IN failing AS physical
ORDER BY physical DESC, system
