// short: a virtual machine's system is hosted by the system that runs it
// triggers: vm
MATCH (guest:System {id: $system})-[:IS]->(v:VirtualMachine)-[:HOSTED_BY]->(host:System)
WHERE guest <> host
RETURN guest AS from, 'HOSTED_BY' AS type, host AS to, collect(DISTINCT v.uuid) AS uuid
