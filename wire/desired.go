package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"time"
)

// Bounds on a desired state. A decoder refuses what exceeds them; an encoder
// leaves the rest out.
const (
	MaxRings     = 16  // rings a nanoprobe is in or sweeps
	MaxMembers   = 256 // shown of one ring
	MaxAlt       = 4   // further addresses of one member
	MaxSchedules = 255 // discovery types

	shortestInterval = 50 * time.Millisecond
	longestSilence   = 24 * time.Hour
)

// ErrLimit is returned by decoders for counts beyond their bound.
var ErrLimit = errors.New("message exceeds a limit")

// Versions of an encoded desired state.
const (
	desiredWhole = 1
	desiredPart  = 2 // it leaves out what an earlier generation said
)

// Flags of an encoded ring view.
const (
	viewSweep    = 1 << iota // Deputy follows; nobody of Members is me
	viewKeys                 // a key follows each member
	viewAlso                 // and another one to accept
	viewSweepKey             // SweepKey follows
	viewLost                 // Lost follows
	viewSame                 // no members follow: they are those of an earlier generation
	viewFlags    = iota      // how many there are
)

// AppendDesired appends the encoding of d:
//
//	version 1 · gen 4 · [base 4] · interval 4 · unresponsive 4 · dead 4 (ms)
//	n 1 · n × ring view
//	n 1 · n × { type text · every 4 (s; all ones = never) }
//
//	ring view: ring 8 · level 1 · flags 1 · version 4 · size 2 · self 2
//	           [deputy 16] [sweep key 16] [lost: n 1 · n]
//	           [n 2 · n × { id 16 · address · n 1 · n × address · [key 16] [also 16] }]
//
// Version 2 has a base; only then may a view be without members.
func AppendDesired(dst []byte, d *Desired) []byte {
	version := byte(desiredWhole)
	if d.Base != 0 {
		version = desiredPart
	}
	dst = append(dst, version)
	dst = binary.BigEndian.AppendUint32(dst, d.Gen)
	if d.Base != 0 {
		dst = binary.BigEndian.AppendUint32(dst, d.Base)
	}
	for _, t := range []time.Duration{d.Timing.Interval, d.Timing.Unresponsive, d.Timing.Dead} {
		dst = appendMillis(dst, t)
	}
	rings := d.Rings[:min(len(d.Rings), MaxRings)]
	dst = append(dst, byte(len(rings)))
	for i := range rings {
		dst = appendView(dst, &rings[i])
	}
	schedules := d.Schedule[:min(len(d.Schedule), MaxSchedules)]
	dst = append(dst, byte(len(schedules)))
	for _, s := range schedules {
		dst = appendText(dst, s.Type)
		dst = binary.BigEndian.AppendUint32(dst, every(s.Every))
	}
	return dst
}

func appendView(dst []byte, v *RingView) []byte {
	members := v.Members[:min(len(v.Members), MaxMembers)]
	if v.Same {
		members = nil
	}
	keys := len(v.Keys) >= len(members) && len(members) > 0
	var flags byte
	if v.Sweep {
		flags |= viewSweep
	}
	also := len(v.Also) >= len(members) && len(members) > 0
	if keys {
		flags |= viewKeys
	}
	if also {
		flags |= viewAlso
	}
	if v.SweepKey != ([16]byte{}) {
		flags |= viewSweepKey
	}
	lost := v.Lost[:min(len(v.Lost), MaxBits)]
	if len(lost) > 0 {
		flags |= viewLost
	}
	if v.Same {
		flags |= viewSame
	}
	dst = binary.BigEndian.AppendUint64(dst, v.Ring)
	dst = append(dst, v.Level, flags)
	dst = binary.BigEndian.AppendUint32(dst, v.Version)
	dst = binary.BigEndian.AppendUint16(dst, v.Size)
	dst = binary.BigEndian.AppendUint16(dst, v.Self)
	if v.Sweep {
		dst = append(dst, v.Deputy[:]...)
	}
	if flags&viewSweepKey != 0 {
		dst = append(dst, v.SweepKey[:]...)
	}
	if len(lost) > 0 {
		dst = append(append(dst, byte(len(lost))), lost...)
	}
	if v.Same {
		return dst
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(members)))
	for i := range members {
		dst = appendMember(dst, &members[i])
		if keys {
			dst = append(dst, v.Keys[i][:]...)
		}
		if also {
			dst = append(dst, v.Also[i][:]...)
		}
	}
	return dst
}

func appendMember(dst []byte, m *Member) []byte {
	dst = append(dst, m.ID[:]...)
	dst = appendAddrPort(dst, orNowhere(m.Addr))
	alt := m.Alt[:min(len(m.Alt), MaxAlt)]
	dst = append(dst, byte(len(alt)))
	for _, a := range alt {
		dst = appendAddrPort(dst, orNowhere(a))
	}
	return dst
}

// orNowhere gives the zero AddrPort a form on the wire.
func orNowhere(a netip.AddrPort) netip.AddrPort {
	if a.Addr().IsValid() {
		return a
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())
}

// ParseDesired is the inverse of AppendDesired. What it returns shares no memory
// with b.
func ParseDesired(b []byte) (Desired, error) {
	c := &cursor{b: b}
	version := c.u8()
	d := Desired{Gen: c.u32()}
	switch version {
	case desiredWhole:
	case desiredPart:
		if d.Base = c.u32(); d.Base == 0 {
			c.fail(ErrForm)
		}
	default:
		c.fail(ErrForm)
	}
	d.Timing = Timing{c.millis(), c.millis(), c.millis()}
	if t := d.Timing; t.Interval < shortestInterval || t.Unresponsive < t.Interval || t.Dead < t.Unresponsive || t.Dead > longestSilence {
		c.fail(ErrForm)
	}
	if n := c.count(int(c.u8()), MaxRings); n > 0 {
		d.Rings = make([]RingView, n)
		for i := range d.Rings {
			if c.view(&d.Rings[i]); d.Rings[i].Same && d.Base == 0 {
				c.fail(ErrForm)
			}
		}
	}
	if n := c.count(int(c.u8()), MaxSchedules); n > 0 {
		d.Schedule = make([]Schedule, n)
		for i := range d.Schedule {
			d.Schedule[i] = Schedule{Type: c.text(), Every: everyOf(c.u32())}
		}
	}
	if err := c.done(); err != nil {
		return Desired{}, err
	}
	return d, nil
}

func (c *cursor) view(v *RingView) {
	v.Ring, v.Level = c.u64(), c.u8()
	flags := c.u8()
	if flags>>viewFlags != 0 {
		c.fail(ErrForm)
	}
	v.Version, v.Size, v.Self = c.u32(), c.u16(), c.u16()
	if v.Sweep = flags&viewSweep != 0; v.Sweep {
		c.fill(v.Deputy[:])
	}
	if flags&viewSweepKey != 0 {
		c.fill(v.SweepKey[:])
		if v.SweepKey == ([16]byte{}) {
			c.fail(ErrForm)
		}
	}
	if flags&viewLost != 0 {
		n := c.count(int(c.u8()), MaxBits)
		if v.Lost = append([]byte(nil), c.take(n)...); n == 0 {
			c.fail(ErrForm)
		}
	}
	if v.Same = flags&viewSame != 0; v.Same {
		if flags&(viewKeys|viewAlso) != 0 || v.Self >= MaxMembers {
			c.fail(ErrForm)
		}
		return
	}
	n := c.count(int(c.u16()), MaxMembers)
	if int(v.Size) < n || !v.Sweep && int(v.Self) >= n {
		c.fail(ErrForm)
	}
	if n == 0 || c.err != nil {
		if flags&(viewKeys|viewAlso) != 0 {
			c.fail(ErrForm)
		}
		return
	}
	v.Members = make([]Member, n)
	if flags&viewKeys != 0 {
		v.Keys = make([][16]byte, n)
	}
	if flags&viewAlso != 0 {
		v.Also = make([][16]byte, n)
	}
	for i := range v.Members {
		c.member(&v.Members[i])
		if v.Keys != nil {
			c.fill(v.Keys[i][:])
		}
		if v.Also != nil {
			c.fill(v.Also[i][:])
		}
	}
}

func (c *cursor) member(m *Member) {
	c.fill(m.ID[:])
	m.Addr = c.addrPort()
	if n := c.count(int(c.u8()), MaxAlt); n > 0 {
		m.Alt = make([]netip.AddrPort, n)
		for i := range m.Alt {
			m.Alt[i] = c.addrPort()
		}
	}
}

// count checks a count against its bound before anything is made of it.
func (c *cursor) count(n, most int) int {
	if n > most {
		c.fail(ErrLimit)
	}
	if c.err != nil {
		return 0
	}
	return n
}

func appendMillis(dst []byte, d time.Duration) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(min(max(d.Milliseconds(), 0), math.MaxUint32)))
}

func (c *cursor) millis() time.Duration { return time.Duration(c.u32()) * time.Millisecond }

const never = math.MaxUint32

func every(d time.Duration) uint32 {
	if d < 0 {
		return never
	}
	return uint32(min(int64((d+time.Second-1)/time.Second), never-1))
}

func everyOf(s uint32) time.Duration {
	if s == never {
		return -1
	}
	return time.Duration(s) * time.Second
}
