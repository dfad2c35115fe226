// short: which systems have packages that match a pattern
// long: Systems with packages whose whole names match a regular expression.
// args: pattern:regexp
// line: ${system}: ${package} ${version}
MATCH (p:Package)
WHERE p.name =~ $pattern
MATCH (p)<-[:CONTAINS]-(:PackageSet)<-[:HAS_PACKAGES]-(s:System)
RETURN p.name AS package, p.version AS version, p.arch AS arch, p.manager AS manager, s.name AS system
ORDER BY package, version, arch, system
