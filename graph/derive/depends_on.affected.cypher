// The systems whose dependencies may differ after system $system said something
// new of its listeners: those with a client of one of its endpoints.
MATCH (:System {id: $system})-[:RUNS]->(:Process)-[:LISTENS_ON]->(:Endpoint)<-[:CONNECTS_TO]-(:Process)<-[:RUNS]-(s:System)
WHERE s.id <> $system
RETURN DISTINCT s.id AS system
