// Package trust says who is who: the identity a nanoprobe keeps, the keys of
// the CMA, the permissions to join and the register of those who did.
//
//	who          what it keeps                              where
//	nanoprobe    Ed25519 key, id, pins of the CMA           Identity, one file, 0600
//	CMA          signing key, next key, recovery key (pub)  CMAKeys, one file, 0600
//	CMA          master secret per epoch                    the same file; all symmetric keys derive from it
//	CMA          tokens, registered and pending nanoprobes  Registry, over a small KV
//
// There is no certificate authority, nothing expires by the clock, and the CMA
// stores no secret per nanoprobe. What is decided here is decided from
// arguments; only the Load and Save functions touch files. Package trust/bulk
// has the connections.
package trust
