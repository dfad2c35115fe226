package attack

import (
	"testing"
	"time"

	"assim/netio"
	"assim/trust"
	"assim/wire"
)

// A nanoprobe that never had a key of another epoch has no second key by which
// it obeys: least of all one that everybody knows.
func TestAnOrderSealedWithNoKeyIsNotObeyed(t *testing.T) {
	t.Parallel()
	s := startCMA(t, "-profile", "fast")
	real := s.startProbe().id()
	near, other := s.neighbor("one"), s.neighbor("two")
	near, other = besides(t, real, near, other)
	at, _, _ := near.entry(real)
	// An order to watch nobody any more, newer than all that the CMA will give,
	// for the session that heartbeats tell in clear.
	nobody := wire.Desired{Timing: wire.FastTiming}
	part := wire.DesiredPart{Gen: 1 << 31, Parts: 1, Data: wire.AppendDesired(nil, &nobody)}
	order := wire.Signal{Session: near.last.Session, Kind: wire.KindDesired, Body: wire.AppendDesiredPart(nil, &part)}
	attacker := socket(t)
	for _, epoch := range []uint16{0, 1, 2, 7} {
		e := wire.Envelope{FromCMA: true, Epoch: epoch, ID: real, Nonce: trust.Nonce()}
		b := wire.AppendSignal(nil, wire.NewSealer(wire.NodeKey{}), e, &order)
		if err := attacker.Write(netio.Packet{Data: b, Peer: at.Addr}); err != nil {
			t.Fatal(err)
		}
	}
	end := time.Now().Add(2 * time.Second)
	together(t, func() bool { return time.Now().After(end) }, near, other)
	if near.last.Gen >= part.Gen || !near.hears(real) {
		t.Errorf("it obeys whoever knows that there is no key: it runs generation %d", near.last.Gen)
	}
}
