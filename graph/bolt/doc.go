// Package bolt keeps the graph in Neo4j, for installations that outgrow one
// file or want Neo4j's own tools beside ours.
//
// What holds now are ordinary nodes and relationships with their labels, types
// and properties, so that any tool which speaks to Neo4j can show them. Beside
// them the store keeps what makes it a graph.Store:
//
//	AssimNode       every node of ours, besides its own labels
//	AssimClaim      what each source says of an element that several speak of
//	AssimOldNode,
//	AssimOldRel     earlier versions: from which commit to which, and when
//	AssimSource     who says something, the hash of it, which elements, and the
//	                words by which Search finds those
//	AssimDocument   documents by hash, once;  AssimDocRef: whose, from when to when
//	AssimRecord     the server's own small values
//	AssimCommit     number and time of each commit of a transaction, and what it changed
//	AssimMeta       one: format, counters, the newest commit
//
// Properties that begin with one underscore are the store's: _key is the
// identity as JSON, _v since when it is so, by which commit and whose word (see
// version.head), _more what Neo4j cannot hold exactly. A relationship has no
// index and no identity of its own: it is found between its two nodes.
//
// Neo4j isolates no readers, so this store does: a Reader notes the number of the
// newest commit and passes over what is younger, taking the version before it
// instead, and no read runs while a commit is taking effect.
//
//	Apply ──▶ hash known? nothing is sent
//	      └─▶ read what is concerned ──▶ decide in memory ──▶ UNWIND … MERGE, one transaction
//	View  ──▶ number of the newest commit, or of the last one before a time ──▶ Reader
//
// One process writes and reads at a time, the server; another that writes in
// between is noticed by the counters and what it wrote is taken into account.
package bolt
