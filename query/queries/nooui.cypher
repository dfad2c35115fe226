// short: hardware addresses whose maker is not known
// long: Real interfaces with a universally administered address and no vendor: the
//   list of makers is too old, or the address is made up.
// line: ${mac}: ${interface} of ${system}
MATCH (s:System)-[:HAS_NIC]->(n:NIC)
WHERE n.mac IS NOT NULL AND n.vendor IS NULL AND coalesce(n.virtual, false) = false
  AND NOT substring(n.mac, 1, 1) IN ['2', '3', '6', '7', 'a', 'b', 'e', 'f']
RETURN n.mac AS mac, s.name AS system, n.ifname AS interface
ORDER BY mac, system, interface
