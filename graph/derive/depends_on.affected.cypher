// The systems whose dependencies may differ after system $system said something
// new of its listeners, or of what it translates: those with a client there.
MATCH (:System {id: $system})-[:RUNS]->(:Process)-[:LISTENS_ON]->(:Endpoint)<-[:FORWARDS_TO*0..2]-(:Endpoint)<-[:CONNECTS_TO]-(:Process)<-[:RUNS]-(s:System)
WHERE s.id <> $system
RETURN DISTINCT s.id AS system
UNION
MATCH (:System {id: $system})-[:TRANSLATES]->(:Endpoint)<-[:FORWARDS_TO*0..2]-(:Endpoint)<-[:CONNECTS_TO]-(:Process)<-[:RUNS]-(s:System)
WHERE s.id <> $system
RETURN DISTINCT s.id AS system
