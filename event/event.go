// Package event is the vocabulary of news: what happened, in one type that
// cores return, the CMA numbers and stores, and people, pages and alerts read.
package event

import "time"

// Kind says what happened. Every kind is one constant here with its meaning.
type Kind string

// Kinds about the life of systems, as package verdict concludes them.
const (
	Joined            Kind = "joined"              // a nanoprobe was heard for the first time
	Started           Kind = "started"             // a known nanoprobe began a new boot session
	Unresponsive      Kind = "unresponsive"        // silent for 2-3 s: shown, nobody is paged
	SystemDead        Kind = "system dead"         // nobody hears it any more
	NanoprobeStopped  Kind = "nanoprobe stopped"   // the process is gone, the system answers
	ShutDown          Kind = "shut down"           // it said goodbye
	LinkDown          Kind = "link down"           // one network lost, another path answers
	PathBroken        Kind = "path broken"         // A cannot hear B, others hear both
	SystemDeaf        Kind = "system deaf"         // it is heard, and hears nobody
	SwitchUnreachable Kind = "switch unreachable"  // everything behind one switch is silent
	Partition         Kind = "partition"           // everything behind one point is silent
	CMAIsolated       Kind = "cma network problem" // everybody is silent to the CMA only
	TwoCMAs           Kind = "two cmas"            // another CMA has to do with systems of this one
	AliveAgain        Kind = "alive again"         // the end of any of the above for one system
	Resolved          Kind = "resolved"            // the end of an incident
	Liar              Kind = "report refuted"      // a nanoprobe's accusation was proven wrong
)

// Kinds about discovery and trust.
const (
	Discovered       Kind = "discovered"        // a document arrived that differs from the one before
	CableMoved       Kind = "cable moved"       // a NIC hears another switch port than before
	DuplicateAddress Kind = "duplicate address" // two systems claim one address
	Clone            Kind = "clone"             // two live sessions claim one identity
	Refused          Kind = "refused"           // somebody was refused, with the reason
	Troubled         Kind = "trouble"           // something of the CMA's own: a document set aside, a full disk
)

// Event is one piece of news. Systems are named by node id ("n-<hex>"), by
// "sw-<chassis>" for switches; Name is what people call it.
type Event struct {
	Serial    uint64            `json:"serial"` // given by the CMA, grows by one
	At        time.Time         `json:"at"`     // when it happened, by the best knowledge of the CMA
	Kind      Kind              `json:"kind"`
	System    string            `json:"system,omitempty"` // who it is about
	Name      string            `json:"name,omitempty"`
	Witnesses []string          `json:"witnesses,omitempty"` // names of the systems whose reports say so
	Affected  []string          `json:"affected,omitempty"`  // names of the systems that suffer from it
	Incident  string            `json:"incident,omitempty"`  // id of the incident it opens, feeds or ends
	Detail    map[string]string `json:"detail,omitempty"`    // more facts by name, e.g. "type", "switch", "port"
	Text      string            `json:"text"`                // one sentence for a person
}
