// Package bulk is the third plane: TLS 1.3 over TCP with pinned Ed25519 keys,
// always dialed by the nanoprobe, on demand, closed when idle. Enrollment,
// large or confidential documents and key changes travel here.
//
//	nanoprobe                                CMA
//	Enroll | Contact ──────────────────────▶ who is it?
//	                 ◀────── Welcome | Refused    (id, key of the epoch, pins)
//	Document ──────────────────────────────▶ commit, then
//	                 ◀────────── DocumentAck
//	Done ──────────────────────────────────▶
//	                 ◀─── Want*, Desired*, then close
//
// Certificates are containers of keys and nothing else: no names, no dates, no
// authority. The port also serves operators, told apart by ALPN.
package bulk
