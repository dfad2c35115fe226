// short: systems that died without saying goodbye
// long: Systems whose neighbors reported them dead.
// line: ${name} is dead since ${since}
MATCH (s:System {status: 'dead'})
RETURN s.name AS name, coalesce(s.last_sign, toString(last_changed(s))) AS since, s.id AS id
ORDER BY name, id
