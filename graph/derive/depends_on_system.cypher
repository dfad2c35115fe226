// short: a system depends on those that its processes depend on
// triggers: listeners, connections
MATCH (me:System {id: $system})-[:RUNS]->(client:Process)-[:CONNECTS_TO]->(:Endpoint)-[:FORWARDS_TO*0..2]->(:Endpoint)<-[:LISTENS_ON]-(server:Process)<-[:RUNS]-(other:System)
WHERE me <> other
RETURN me AS from, 'DEPENDS_ON' AS type, other AS to, collect(DISTINCT client.name + ' > ' + server.name) AS by
