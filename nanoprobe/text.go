package nanoprobe

import (
	"encoding/binary"
	"errors"

	"assim/discovery"
)

// Limits of texts, in bytes.
const (
	// worthSqueezing is how long one is that is kept small. Shorter ones save less
	// than they cost.
	worthSqueezing = 1 << 10
	maxText        = discovery.MaxDocument
)

// text is canonical JSON. It is kept small while nobody needs it: all documents of
// a full box are most of a megabyte, a tenth of that when squeezed, and seldom
// asked for.
type text struct {
	plain, small []byte // one of them is nil
}

// read returns the JSON, nil of no text.
func (t *text) read() ([]byte, error) {
	switch {
	case t == nil:
		return nil, nil
	case t.small == nil:
		return t.plain, nil
	}
	return widen(t.small)
}

// squeeze makes it small.
func (t *text) squeeze() {
	if len(t.plain) >= worthSqueezing {
		t.plain, t.small = nil, squeeze(t.plain)
	}
}

// What repeats in a squeezed text is said once. zstd's decoder, which this program
// has no other use for, would make it larger by 190 kB, and the standard library's
// encoders take a megabyte each time.
//
//	size of the text │ (bytes that follow, those bytes, bytes to repeat, from how far back)...
const (
	shortest = 6  // bytes worth repeating
	places   = 12 // bits: 4096 places are remembered, by what is there
)

// errDamaged is no text that was squeezed.
var errDamaged = errors.New("nanoprobe: a text that was kept small is damaged")

func squeeze(plain []byte) []byte {
	var last [1 << places]int32 // where what hashes so was last, and 1; 0: nowhere
	out := binary.AppendUvarint(nil, uint64(len(plain)))
	said := 0
	for i := 0; i+shortest <= len(plain); {
		at := &last[binary.LittleEndian.Uint32(plain[i:])*2654435761>>(32-places)]
		from := int(*at) - 1
		*at = int32(i + 1)
		size := 0
		if from >= 0 {
			for i+size < len(plain) && plain[from+size] == plain[i+size] {
				size++
			}
		}
		if size < shortest {
			i++
			continue
		}
		out = append(binary.AppendUvarint(out, uint64(i-said)), plain[said:i]...)
		out = binary.AppendUvarint(binary.AppendUvarint(out, uint64(size)), uint64(i-from))
		i += size
		said = i
	}
	out = append(binary.AppendUvarint(out, uint64(len(plain)-said)), plain[said:]...)
	return append([]byte{}, out...) // without the room that is left
}

func widen(small []byte) ([]byte, error) {
	rest := small
	number := func() int {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > maxText {
			rest = nil
			return -1
		}
		rest = rest[size:]
		return int(n)
	}
	whole := number()
	if whole < 0 {
		return nil, errDamaged
	}
	out := make([]byte, 0, whole)
	for {
		n := number()
		if n < 0 || n > len(rest) || len(out)+n > whole {
			return nil, errDamaged
		}
		out, rest = append(out, rest[:n]...), rest[n:]
		if len(rest) == 0 && len(out) == whole {
			return out, nil
		}
		size, back := number(), number()
		if size < 0 || back <= 0 || back > len(out) || len(out)+size > whole {
			return nil, errDamaged
		}
		for from := len(out) - back; size > 0; from, size = from+1, size-1 {
			out = append(out, out[from]) // It may repeat itself.
		}
	}
}
