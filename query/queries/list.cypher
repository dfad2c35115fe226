// short: all queries there are
// long: Names and descriptions of every canned query, a site's own among them.
// line: ${name}: ${short}
UNWIND $queries AS q
RETURN q.name AS name, q.short AS short, q.usage AS usage
ORDER BY name
