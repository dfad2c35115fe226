// short: systems that were shut down in good order
// long: Systems whose nanoprobe said goodbye.
// line: ${name} was shut down at ${since}
MATCH (s:System {status: 'shutdown'})
RETURN s.name AS name, coalesce(s.last_sign, toString(last_changed(s))) AS since, s.id AS id
ORDER BY name, id
