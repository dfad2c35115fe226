package wire

import "encoding/binary"

// Bounds on a report.
const (
	MaxObservations = 64             // in one report
	MaxBits         = MaxMembers / 8 // bytes of a sweep's result
	MaxLink         = 64             // bytes of an interface's name or an address
)

const reportVersion = 1

// Flags of an encoded observation: which fields are there.
const (
	obsAbout       = 1 << iota // id 16
	obsNewNeighbor             // id 16
	obsSilent                  // milliseconds 4
	obsRun                     // 2, signed
	obsBits                    // text
	obsLink                    // text
	obsFlags       = iota      // how many there are
)

// AppendReport appends the encoding of obs:
//
//	version 1 · n 1 · n × { kind 1 · flags 1 · ring 8 · version 4 · ago 4 (ms)
//	                        [about 16] [new neighbor 16] [silent 4] [run 2]
//	                        [bits: n 1 · n] [link: n 1 · n] }
//
// At most MaxObservations are taken; see FitReport.
func AppendReport(dst []byte, obs []Observation) []byte {
	obs = obs[:min(len(obs), MaxObservations)]
	dst = append(dst, reportVersion, byte(len(obs)))
	for i := range obs {
		dst = appendObservation(dst, &obs[i])
	}
	return dst
}

// FitReport says how many of obs, from the first on, one report of at most room
// bytes takes.
func FitReport(obs []Observation, room int) int {
	var scratch [256]byte
	size := 2
	for i := range obs {
		size += len(appendObservation(scratch[:0], &obs[i]))
		if size > room || i == MaxObservations {
			return i
		}
	}
	return len(obs)
}

func appendObservation(dst []byte, o *Observation) []byte {
	var flags byte
	set := func(there bool, flag byte) {
		if there {
			flags |= flag
		}
	}
	silent := appendMillis(nil, o.Silent)
	link := clip(o.Link, MaxLink)
	bits := o.Bits[:min(len(o.Bits), MaxBits)]
	set(o.About != ID{}, obsAbout)
	set(o.NewNeighbor != ID{}, obsNewNeighbor)
	set(string(silent) != "\x00\x00\x00\x00", obsSilent)
	set(o.Run != 0, obsRun)
	set(len(bits) > 0, obsBits)
	set(len(link) > 0, obsLink)

	dst = append(dst, byte(o.Kind), flags)
	dst = binary.BigEndian.AppendUint64(dst, o.Ring)
	dst = binary.BigEndian.AppendUint32(dst, o.Version)
	dst = appendMillis(dst, o.Ago)
	if flags&obsAbout != 0 {
		dst = append(dst, o.About[:]...)
	}
	if flags&obsNewNeighbor != 0 {
		dst = append(dst, o.NewNeighbor[:]...)
	}
	if flags&obsSilent != 0 {
		dst = append(dst, silent...)
	}
	if flags&obsRun != 0 {
		dst = binary.BigEndian.AppendUint16(dst, uint16(o.Run))
	}
	if flags&obsBits != 0 {
		dst = append(append(dst, byte(len(bits))), bits...)
	}
	if flags&obsLink != 0 {
		dst = appendText(dst, link)
	}
	return dst
}

// ParseReport is the inverse of AppendReport. What it returns shares no memory
// with b.
func ParseReport(b []byte) ([]Observation, error) {
	c := &cursor{b: b}
	if c.u8() != reportVersion {
		c.fail(ErrForm)
	}
	n := c.count(int(c.u8()), MaxObservations)
	var obs []Observation
	for range n {
		var o Observation
		c.observation(&o)
		if c.err != nil {
			break
		}
		obs = append(obs, o)
	}
	if err := c.done(); err != nil {
		return nil, err
	}
	return obs, nil
}

func (c *cursor) observation(o *Observation) {
	o.Kind = ObservationKind(c.u8())
	flags := c.u8()
	o.Ring, o.Version, o.Ago = c.u64(), c.u32(), c.millis()
	if flags>>obsFlags != 0 || o.Kind < ObsUnresponsive || o.Kind > ObsDeaf {
		c.fail(ErrForm)
	}
	present := func(flag byte, read func() bool) {
		if flags&flag != 0 && !read() {
			c.fail(ErrForm) // there, but empty: one meaning has one form
		}
	}
	present(obsAbout, func() bool { c.fill(o.About[:]); return o.About != ID{} })
	present(obsNewNeighbor, func() bool { c.fill(o.NewNeighbor[:]); return o.NewNeighbor != ID{} })
	present(obsSilent, func() bool { o.Silent = c.millis(); return o.Silent != 0 })
	present(obsRun, func() bool { o.Run = int16(c.u16()); return o.Run != 0 })
	present(obsBits, func() bool {
		n := c.count(int(c.u8()), MaxBits)
		o.Bits = append([]byte(nil), c.take(n)...)
		return n > 0
	})
	present(obsLink, func() bool {
		n := c.count(int(c.u8()), MaxLink)
		o.Link = string(c.take(n))
		return n > 0
	})
}
