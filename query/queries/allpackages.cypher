// short: every package and on how many systems it is
// long: All packages and versions in use.
// line: ${package} ${version}: ${systems}
MATCH (p:Package)<-[:CONTAINS]-(:PackageSet)<-[:HAS_PACKAGES]-(s:System)
RETURN p.name AS package, p.version AS version, p.arch AS arch, p.manager AS manager, count(DISTINCT s) AS systems
ORDER BY package, version, arch, manager
