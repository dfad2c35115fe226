package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"time"

	"assim/authority"
	"assim/session"
	"assim/trust"
	"assim/verdict"
	"assim/wire"
)

// memory is what the CMA holds per nanoprobe, by what it is for: bytes that stay
// when everything else is collected.
type memory struct {
	Nanoprobes int    `json:"nanoprobes"`
	Standing   uint64 `json:"standing_bytes"` // who it is: keys, machine, revoked or not
	Session    uint64 `json:"session_bytes"`  // what was said, and by which way
	Rings      uint64 `json:"rings_bytes"`    // neighbors, places, addresses, verdicts
}

func (m *memory) print() {
	fmt.Printf("\nmemory that the cores of the CMA hold per nanoprobe, of %d on switches of 48\n", m.Nanoprobes)
	fmt.Printf("  protocol state          %8d B   standing %d, session and route %d\n", m.Standing+m.Session, m.Standing, m.Session)
	fmt.Printf("  rings and verdicts      %8d B\n", m.Rings)
}

func held() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// measureMemory fills each core with n nanoprobes that have announced themselves
// and been told their rings.
func measureMemory(n int) (memory, error) {
	m := memory{Nanoprobes: n}
	keys, err := temporaryKeys()
	if err != nil {
		return m, err
	}
	reg, err := trust.NewRegistry(forgetful{})
	if err != nil {
		return m, err
	}
	before := held()
	ids, err := enroll(reg, keys, n)
	if err != nil {
		return m, err
	}
	after := held()
	m.Standing = (after - before - uint64(n*len(wire.ID{}))) / uint64(n)

	before = after
	sessions := session.NewCMA(1)
	for i, id := range ids {
		a := wire.Signal{Session: 1, Seq: 1, Kind: wire.KindAnnounce}
		sessions.Receive(time.Now(), id, &a)
		sessions.Heard(id, session.Route{To: netip.AddrPortFrom(addressOf(i), wire.Port), From: addressOf(0), Epoch: 1})
		sessions.Committed(id, 1, 1)
	}
	after = held()
	m.Session = (after - before) / uint64(n)

	before = after
	rings := seated(ids, wire.Port, 48)
	m.Rings = (held() - before) / uint64(n)
	runtime.KeepAlive(reg)
	runtime.KeepAlive(sessions)
	runtime.KeepAlive(rings)
	return m, nil
}

// seated returns an authority that has told everybody its rings. With perSwitch 0
// it knows of no switches.
func seated(ids []wire.ID, port uint16, perSwitch int) *authority.Authority {
	a, now := authority.New(authority.Config{}, rand.New(rand.NewPCG(1, 1))), time.Now()
	var out authority.Out
	for i, id := range ids {
		at := netip.AddrPortFrom(addressOf(i), port)
		a.Announce(now, id, 1, 0, systemName(i), at, []netip.AddrPort{at}, &out)
		if perSwitch > 0 {
			a.Attach(now, id, []verdict.Link{{Name: "eth0", Addr: at.Addr(), Switch: fmt.Sprint("sw", i/perSwitch), Port: fmt.Sprint(i % perSwitch)}}, &out)
		}
		out.Reset()
	}
	for d := a.Deadline(); !d.IsZero() && d.Before(now.Add(time.Minute)); d = a.Deadline() {
		if d.After(now) {
			now = d
		}
		a.Tick(now, &out)
		for _, o := range out.Orders {
			a.Echoed(now, o.To, o.Desired.Gen, &out)
		}
		out.Reset()
	}
	return a
}

func temporaryKeys() (*trust.CMAKeys, error) {
	dir, err := os.MkdirTemp("", "bench-keys")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	keys, _, err := trust.LoadCMAKeys(dir)
	return keys, err
}

// enroll lets n systems join.
func enroll(reg *trust.Registry, keys *trust.CMAKeys, n int) ([]wire.ID, error) {
	e := &trust.Enroller{Registry: reg, Keys: keys}
	ids := make([]wire.ID, n)
	for i := range ids {
		m := wire.Enroll{About: wire.Announce{Name: systemName(i)}}
		binary.BigEndian.PutUint32(m.Pub[:], uint32(i+1))
		w, err := e.Decide(time.Now(), &trust.Applicant{Enroll: &m, Local: true})
		if err != nil {
			return nil, err
		}
		ids[i] = w.ID
	}
	return ids, nil
}
