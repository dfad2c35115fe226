// short: which systems have a package
// long: Systems with the package of exactly this name, and its version there.
// args: name:package
// line: ${system}: ${package} ${version}
MATCH (p:Package)
WHERE p.name = $name
MATCH (p)<-[:CONTAINS]-(:PackageSet)<-[:HAS_PACKAGES]-(s:System)
RETURN p.name AS package, p.version AS version, p.arch AS arch, p.manager AS manager, s.name AS system
ORDER BY package, version, arch, system
