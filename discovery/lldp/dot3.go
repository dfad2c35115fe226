package lldp

// Dot3 is what IEEE 802.3's TLVs say (802.3, clause 79).
type Dot3 struct {
	Autonegotiation *Autonegotiation `json:"autonegotiation,omitempty"`
	Power           *Power           `json:"power,omitempty"`
	Aggregation     *Aggregation     `json:"link_aggregation,omitempty"`
	MaxFrame        int              `json:"max_frame_bytes,omitempty"`
	EEE             *EEE             `json:"energy_efficient,omitempty"`
}

// Autonegotiation is the MAC/PHY TLV.
type Autonegotiation struct {
	Supported  bool     `json:"supported"`
	Enabled    bool     `json:"enabled"`
	Advertised []string `json:"advertised,omitempty"`
	MAU        int      `json:"mau"` // operational MAU type (RFC 4836)
}

// EEE is energy efficient Ethernet: microseconds to wake.
type EEE struct {
	Transmit     int `json:"transmit_us"`
	Receive      int `json:"receive_us"`
	Fallback     int `json:"fallback_us"`
	EchoTransmit int `json:"echo_transmit_us"`
	EchoReceive  int `json:"echo_receive_us"`
}

// modes are the bits of what is advertised, lowest first (IANA-MAU-MIB counts
// them from the other end).
var modes = []string{"1000base-t full", "1000base-t half", "1000base-x full", "1000base-x half",
	"asymmetric and symmetric pause", "symmetric pause", "asymmetric pause", "pause",
	"100base-t2 full", "100base-t2 half", "100base-tx full", "100base-tx half",
	"100base-t4", "10base-t full", "10base-t half", "other"}

// dot3 reads a TLV of 802.3 and reports whether it knows the subtype.
func (a *Advert) dot3(subtype int, v []byte) bool {
	least := map[int]int{1: 5, 2: 3, 3: 5, 4: 2, 5: 10}[subtype]
	if least == 0 {
		return false
	}
	if len(v) < least {
		a.wrong("802.3 subtype %d has %d bytes where %d belong", subtype, len(v), least)
		return true
	}
	if a.Dot3 == nil {
		a.Dot3 = &Dot3{}
	}
	d := a.Dot3
	switch subtype {
	case 1:
		d.Autonegotiation = &Autonegotiation{Supported: v[0]&1 != 0, Enabled: v[0]&2 != 0,
			Advertised: bits(uint32(be16(v[1:])), modes), MAU: int(be16(v[3:]))}
	case 2:
		d.Power = power(v)
	case 3:
		d.Aggregation = aggregation(v)
	case 4:
		d.MaxFrame = int(be16(v))
	case 5:
		d.EEE = &EEE{int(be16(v)), int(be16(v[2:])), int(be16(v[4:])), int(be16(v[6:])), int(be16(v[8:]))}
	}
	return true
}
