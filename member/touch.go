package member

// Touch reads what Tick and Heard will need of m. Whoever drives a million
// members spends most of its time waiting for memory; it can touch many of them
// in a row, so that the waits overlap, before it calls them one by one. The
// result means nothing: it keeps the reads from being left out.
func (m *Member) Touch() uint64 {
	n := uint64(m.deadline) + uint64(m.me.Session) + uint64(m.late) + uint64(m.want.Gen)
	for i := range m.peers {
		n += uint64(m.peers[i].edge) + uint64(m.peers[i].hb.Session()) + uint64(m.peers[i].hb.State())
	}
	return n
}

// TouchRosters reads what m will need of its rosters, once it was touched.
func (m *Member) TouchRosters() uint64 {
	var n uint64
	for i := range m.peers {
		p := &m.peers[i]
		v := &m.want.Rings[p.view]
		n += v.Ring + uint64(len(v.Keys)) + uint64(v.Members[p.index].ID[0]) + uint64(v.Members[p.index].Addr.Port())
	}
	return n
}
