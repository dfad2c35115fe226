package nanoprobe

import (
	"context"
	"time"

	"assim/wire"
)

// opens returns the key of an epoch. Who never had another than the present one
// must not open with an empty key, which everybody knows.
func (n *Nanoprobe) opens(epoch uint16) (wire.Sealer, bool) {
	switch {
	case epoch == n.identity.Epoch:
		return n.sealer, true
	case epoch == n.identity.Epoch-1:
		return n.former, n.identity.Old != wire.NodeKey{}
	}
	return wire.Sealer{}, false
}

// rekeyed takes the keys of the identity into use.
func (n *Nanoprobe) rekeyed() {
	n.sealer = wire.NewSealer(n.identity.NodeKey)
	n.former = wire.NewSealer(n.identity.Old)
}

// When a signal of the CMA's, or of somebody who would like us to think so, has a
// newer key than ours: how long the CMA has to answer a question sealed with
// ours before we come by bulk to see. A data center may do so together.
const (
	doubtTime   = 5 * time.Second
	doubtSpread = 30 * time.Second
)

// doubt asks the CMA whether our key is good yet. What made us ask proves
// nothing, so it costs a question and, if that is answered, no more.
func (n *Nanoprobe) doubt(now time.Time, e *wire.Envelope) {
	if !e.FromCMA || e.Epoch <= n.identity.Epoch || now.Before(n.doubtNext) {
		return
	}
	n.session.Ask()
	n.doubtAt = now.Add(doubtTime + time.Duration(n.rng.Int64N(int64(doubtSpread))))
	n.doubtNext = now.Add(rescueEvery)
}

// settleDoubt fetches the present key when the question was not answered.
func (n *Nanoprobe) settleDoubt(ctx context.Context, now time.Time) {
	if n.doubtAt.IsZero() || now.Before(n.doubtAt) {
		return
	}
	n.doubtAt = time.Time{}
	n.running.Go(func() { n.bulk(ctx) })
}
