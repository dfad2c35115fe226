// short: systems that are down, for whatever reason
// long: Every system with a nanoprobe that is not up: crashed, shut down or
//   unresponsive.
// line: ${name} is ${status} since ${since}
MATCH (s:System)
WHERE s.nanoprobe = true AND s.status <> 'up'
RETURN s.name AS name, s.status AS status, coalesce(s.last_sign, toString(last_changed(s))) AS since, s.id AS id
ORDER BY name, id
