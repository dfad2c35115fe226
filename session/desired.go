package session

import "assim/wire"

// Split cuts an encoded desired state into parts that fit signals; nil when it
// is too big for that and must go by bulk.
func Split(gen uint32, data []byte) []wire.DesiredPart {
	parts := max(1, (len(data)+wire.MaxPart-1)/wire.MaxPart)
	if parts > wire.MaxParts {
		return nil
	}
	out := make([]wire.DesiredPart, parts)
	for i := range out {
		n := min(len(data), wire.MaxPart)
		out[i] = wire.DesiredPart{Gen: gen, Part: uint16(i), Parts: uint16(parts), Data: data[:n]}
		data = data[n:]
	}
	return out
}

// assembler puts the parts of one generation together; a newer one displaces
// it, whatever order they arrive in.
type assembler struct {
	gen   uint32
	parts [][]byte
	have  int
}

func (a *assembler) add(p wire.DesiredPart) []byte {
	if p.Gen < a.gen {
		return nil
	}
	if p.Gen > a.gen || len(a.parts) != int(p.Parts) {
		*a = assembler{gen: p.Gen, parts: make([][]byte, p.Parts)}
	}
	if a.parts[p.Part] != nil {
		return nil
	}
	a.parts[p.Part] = append([]byte{}, p.Data...)
	a.have++
	if a.have < len(a.parts) {
		return nil
	}
	whole := make([]byte, 0, len(a.parts)*wire.MaxPart)
	for _, part := range a.parts {
		whole = append(whole, part...)
	}
	*a = assembler{gen: p.Gen}
	return whole
}
