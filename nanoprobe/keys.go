package nanoprobe

import "assim/wire"

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
