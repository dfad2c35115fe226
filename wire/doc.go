// Package wire is the vocabulary of the network: the messages between
// nanoprobes and the CMA, and their encoding. It knows bytes and keys, no
// sockets, no clocks and no state. docs/protocol.md tells the same story to
// those who write a nanoprobe in another language, with test vectors.
//
// Three planes share one port number (1984):
//
//	tick    UDP, one authenticated datagram    heartbeats between neighbors
//	signal  UDP, one sealed datagram ≤ 1200 B  announce, report, small document, desired state
//	bulk    TLS 1.3 over TCP                   enrollment, large or confidential documents, keys
//
// The first byte of a datagram is its plane (high half) and version (low half).
// Numbers are big-endian.
//
// A tick is 56 bytes, or 64 with a subject. HMAC-SHA256, cut to 128 bits, covers
// everything before it and one more byte that is not sent: the direction.
//
//	 0        1        2                          10
//	┌────────┬────────┬──────────────────────────┬──────────────────────────┐
//	│  0x01  │  kind  │          edge 8          │        session 8         │
//	├────────┴────────┼──────────────────────────┼─────────────────┬────────┘
//	│      seq 4      │      echo session 8      │   echo seq 4    │
//	├─────────────────┼────────┬─────────────────┴────────┬────────┴────────┐
//	│     gen 4       │every 2 │  subject 8, if it asks   │     HMAC 16     │
//	└─────────────────┴────────┴──────────────────────────┴─────────────────┘
//
// A signal is sealed with AES-256-GCM; the 32 bytes in clear are authenticated.
// flags is 1 when the CMA sent it, 0 when a nanoprobe did.
//
//	 0        1        2        4                20               32
//	┌────────┬────────┬────────┬────────────────┬────────────────┐
//	│  0x11  │ flags  │ epoch  │   node id 16   │    nonce 12    │  in clear
//	├────────┴────────┴─┬──────┴──┬─────────────┴─┬──────────────┤
//	│     session 8     │  seq 4  │ ack-through 4 │   cookie 8   │  sealed
//	├─────────┬─────────┼────┬────┼───────────────┴──────────────┤
//	│applied 4│ slot 2  │kind│flag│          body ≤ 1120         │
//	├─────────┴─────────┴────┴────┴──────────────────────────────┤
//	│                          GCM tag 16                        │
//	└────────────────────────────────────────────────────────────┘
//
// A Hello is 128 bytes and answered by at most 80. Its proof is HMAC-SHA256, cut
// to 128 bits, under the token's verifier, over everything before it and the
// first byte again.
//
//	┌────────┬────────┬─────────┬────────┬─────────┬───────────┬──────────┬────────┐
//	│  0x21  │  0  3  │ token 8 │ pub 32 │ nonce 8 │ cookie 16 │ proof 16 │  0 44  │
//	└────────┴────────┴─────────┴────────┴─────────┴───────────┴──────────┴────────┘
//	┌────────┬────────┬─────────┬────────┬─────────┬───────────┬────────┬──────────┐
//	│  0x31  │ code 1 │ slot 2  │  0  4  │ nonce 8 │ cookie 16 │ pub 32 │ proof 16 │
//	└────────┴────────┴─────────┴────────┴─────────┴───────────┴────────┴──────────┘
//
// A bulk frame is a length, a kind, a body:
//
//	┌────────────┬────────┬──────────────────┐
//	│  length 4  │ kind 1 │ body, length − 1 │
//	└────────────┴────────┴──────────────────┘
//
// Version history:
//
//	1  2026-11-25  first
//	   2026-11-25  reports: observation of kind 11, deaf
//	   2026-11-25  desired state: version 2 leaves out rings that are as in an earlier generation
//	   2026-11-25  bulk: recall, a nanoprobe asks for what it said last
//	   2026-11-25  ticks: a goodbye with interval 0 needs no report, the CMA has acknowledged the stop
//	   2026-11-25  keys of edges come from AES, not HMAC: only the CMA makes them
package wire
