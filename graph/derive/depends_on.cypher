// short: a process depends on those that listen where it connects to
// triggers: listeners, connections
//
// System $system is the client's. Its dependencies are said anew whenever its
// own documents change, or those of a system that affected names.
MATCH (:System {id: $system})-[:RUNS]->(client:Process)-[:CONNECTS_TO]->(e:Endpoint)<-[:LISTENS_ON]-(server:Process)
WHERE client <> server
RETURN client AS from, 'DEPENDS_ON' AS type, server AS to,
       collect(DISTINCT e.proto + '/' + toString(e.port)) AS ports
