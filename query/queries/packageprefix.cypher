// short: which systems have packages that begin with a text
// long: Systems with packages whose names begin with the prefix.
// args: prefix:string
// line: ${system}: ${package} ${version}
MATCH (p:Package)
WHERE p.name STARTS WITH $prefix
MATCH (p)<-[:CONTAINS]-(:PackageSet)<-[:HAS_PACKAGES]-(s:System)
RETURN p.name AS package, p.version AS version, p.arch AS arch, p.manager AS manager, s.name AS system
ORDER BY package, version, arch, system
