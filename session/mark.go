package session

import (
	"encoding/binary"
	"errors"

	"assim/wire"
)

// MarkSize is the size of an encoded Mark.
const MarkSize = 32

// Mark is what is durable of one nanoprobe's session, written in the
// transaction that makes a message's consequences durable. Marks of one
// nanoprobe only grow, so that it does not matter in what order, or how often,
// they are read back.
type Mark struct {
	ID      wire.ID
	Session wire.Session // 0: it says nothing of the session, nor of Seq
	Seq     uint32       // of Session; up to here everything is processed
	Gen     uint32       // of the newest desired state; 0: it says nothing of that
}

// Grow makes m say what o says besides.
func (m *Mark) Grow(o Mark) {
	switch {
	case o.Session > m.Session:
		m.Session, m.Seq = o.Session, o.Seq
	case o.Session == m.Session:
		m.Seq = max(m.Seq, o.Seq)
	}
	m.Gen = max(m.Gen, o.Gen)
}

// AppendMark appends the encoding of m: id 16 · session 8 · seq 4 · gen 4.
func AppendMark(dst []byte, m Mark) []byte {
	dst = append(dst, m.ID[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.Session))
	dst = binary.BigEndian.AppendUint32(dst, m.Seq)
	return binary.BigEndian.AppendUint32(dst, m.Gen)
}

// ParseMarks hands out what AppendMark appended, one after the other.
func ParseMarks(b []byte, each func(Mark)) error {
	if len(b)%MarkSize != 0 {
		return errors.New("session: stored marks are cut off: they are of 32 bytes each")
	}
	for ; len(b) > 0; b = b[MarkSize:] {
		each(Mark{
			ID: wire.ID(b[:16]), Session: wire.Session(binary.BigEndian.Uint64(b[16:])),
			Seq: binary.BigEndian.Uint32(b[24:]), Gen: binary.BigEndian.Uint32(b[28:]),
		})
	}
	return nil
}
