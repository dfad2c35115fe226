// short: all systems that have a nanoprobe
// long: Every system whose nanoprobe has ever announced itself, with what it is and
//   how it is.
// line: ${name}: ${status}, ${os}
MATCH (s:System)
WHERE s.nanoprobe = true
RETURN s.name AS name, s.status AS status, s.kind AS kind, s.os AS os, s.kernel AS kernel, s.arch AS arch, s.id AS id
ORDER BY name, id
