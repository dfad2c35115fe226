package lldp

// Power is power over Ethernet, as 802.3af, 802.3at and 802.3bt say it.
type Power struct {
	Class     string   `json:"class"` // of the port: pse or pd
	Supported bool     `json:"supported"`
	Enabled   bool     `json:"enabled"`
	PairsCtl  bool     `json:"pair_control"`
	Pairs     string   `json:"pairs"` // signal or spare
	PowerKind string   `json:"power_class"`
	Type      string   `json:"type,omitempty"` // of 802.3at
	Source    string   `json:"source,omitempty"`
	Priority  string   `json:"priority,omitempty"`
	Requested *int     `json:"requested_mw,omitempty"`
	Allocated *int     `json:"allocated_mw,omitempty"`
	FourPair  *PowerBT `json:"four_pair,omitempty"`
}

// PowerBT is what 802.3bt adds: power over all four pairs, to a device with one
// or two of everything (single or dual signature).
type PowerBT struct {
	RequestedA int    `json:"requested_a_mw"` // of a dual-signature device
	RequestedB int    `json:"requested_b_mw"`
	AllocatedA int    `json:"allocated_a_mw"`
	AllocatedB int    `json:"allocated_b_mw"`
	Powering   string `json:"powering,omitempty"` // what the giver does
	Powered    string `json:"powered,omitempty"`  // what the taker has
	PairsUsed  string `json:"pairs_used,omitempty"`
	ClassA     int    `json:"class_a"` // 7 = single signature, or two pairs only
	ClassB     int    `json:"class_b"`
	Class      int    `json:"class"`          // 15 = dual signature
	Type       string `json:"type,omitempty"` // 3 or 4, giver or taker
	Isolated   bool   `json:"isolated_loads,omitempty"`
	Available  int    `json:"available_mw"` // the most the giver can
	Autoclass  struct {
		Supported bool `json:"supported,omitempty"`
		Completed bool `json:"completed,omitempty"`
		Requested bool `json:"requested,omitempty"`
	} `json:"autoclass"`
	DownRequest int `json:"power_down_request,omitempty"` // 29 = shut it off
	DownTime    int `json:"power_down_s,omitempty"`
}

// power reads power via MDI:
//
//	| support 1 | pairs 1 | class 1 | and of 802.3at: type, source, priority 1 | requested 2 | allocated 2 | and of 802.3bt: 17 more |
func power(v []byte) *Power {
	p := &Power{Class: named(int(v[0]&1), "pd", "pse"), Supported: v[0]&2 != 0, Enabled: v[0]&4 != 0, PairsCtl: v[0]&8 != 0,
		Pairs: named(int(v[1]), "", "signal", "spare")}
	p.PowerKind = named(int(v[2]), "", "class 0", "class 1", "class 2", "class 3", "class 4")
	if len(v) < 8 {
		return p
	}
	kind := int(v[3] >> 6)
	p.Type = named(kind, "type 2 pse", "type 2 pd", "type 1 pse", "type 1 pd")
	if kind&1 == 0 { // what feeds the giver, and where the taker may take from
		p.Source = named(int(v[3]>>4&3), "unknown", "primary", "backup", "reserved")
	} else {
		p.Source = named(int(v[3]>>4&3), "unknown", "pse", "local", "pse and local")
	}
	p.Priority = named(int(v[3]&3), "unknown", "critical", "high", "low")
	p.Requested, p.Allocated = tenthsOfWatt(be16(v[4:])), tenthsOfWatt(be16(v[6:]))
	if len(v) >= 25 {
		p.FourPair = fourPair(v[8:])
	}
	return p
}

func tenthsOfWatt(v uint16) *int {
	mw := int(v) * 100
	return &mw
}

// The names of 802.3bt's states; those without a name say nothing.
var (
	poweringStates = []string{"", "two pairs", "four pairs, single signature", "four pairs, dual signature"}
	poweredStates  = []string{"", "single signature", "two pairs, dual signature", "four pairs, dual signature"}
	pairsUsed      = []string{"", "alternative a", "alternative b", "both alternatives"}
	typesBT        = []string{"type 3 pse", "type 4 pse", "type 3 pd, single signature", "type 3 pd, dual signature", "type 4 pd, single signature", "type 4 pd, dual signature"}
)

// fourPair reads what 802.3bt added (802.3bt-2018, 79.3.2.6a and on):
//
//	| requested A 2, B 2 | allocated A 2, B 2 | status 2 | setup 1 | available 2 | autoclass 1 | power down 3 |
func fourPair(v []byte) *PowerBT {
	status, setup := int(be16(v[8:])), int(v[10])
	p := &PowerBT{
		RequestedA: 100 * int(be16(v)), RequestedB: 100 * int(be16(v[2:])), AllocatedA: 100 * int(be16(v[4:])), AllocatedB: 100 * int(be16(v[6:])),
		Powering: poweringStates[status>>14], Powered: poweredStates[status>>12&3], PairsUsed: pairsUsed[status>>10&3],
		ClassA: status >> 7 & 7, ClassB: status >> 4 & 7, Class: status & 15,
		Type: named(setup>>1&7, typesBT...), Isolated: setup&1 != 0,
		Available:   100 * int(be16(v[11:])),
		DownRequest: int(v[14] >> 2), DownTime: int(v[14]&3)<<16 | int(be16(v[15:])),
	}
	p.Autoclass.Supported, p.Autoclass.Completed, p.Autoclass.Requested = v[13]&4 != 0, v[13]&2 != 0, v[13]&1 != 0
	return p
}
