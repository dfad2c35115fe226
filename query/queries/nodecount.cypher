// short: how many nodes of each label there are
// long: Counts by all labels a node carries.
// line: ${labels}: ${count}
MATCH (n)
WITH labels(n) AS labels, count(*) AS count
RETURN labels, count
ORDER BY count DESC, labels
