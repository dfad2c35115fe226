package wire

// AppendReport appends the encoding of obs.
func AppendReport(dst []byte, obs []Observation) []byte { return dst }

// ParseReport is the inverse of AppendReport.
func ParseReport(b []byte) ([]Observation, error) { return nil, nil }
