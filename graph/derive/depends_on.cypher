// short: a process depends on those that listen where it connects to
// triggers: listeners, connections
//
// System $system is the client's. Its dependencies are said anew whenever its
// own documents change, or those of a system that affected names. An endpoint
// that a router translates leads to the one that answers.
MATCH (:System {id: $system})-[:RUNS]->(client:Process)-[:CONNECTS_TO]->(e:Endpoint)-[:FORWARDS_TO*0..2]->(:Endpoint)<-[:LISTENS_ON]-(server:Process)
WHERE client <> server
RETURN client AS from, 'DEPENDS_ON' AS type, server AS to,
       collect(DISTINCT e.proto + '/' + toString(e.port)) AS ports
