package lldp

// DCBX is data center bridging: which classes of traffic share the link, and
// which of them may be paused. Switches and storage adapters speak IEEE's form
// (802.1Q, annex D.2.8 to D.2.11) or the one before it (CEE).
type DCBX struct {
	ETS         *ETS         `json:"ets,omitempty"`             // what is in use
	Recommended *ETS         `json:"ets_recommended,omitempty"` // what the other end should use
	PFC         *PFC         `json:"pfc,omitempty"`
	Apps        []App        `json:"applications,omitempty"`
	Congestion  *Congestion  `json:"congestion_notification,omitempty"`
	Version     *CEEVersion  `json:"cee,omitempty"` // only of CEE
	Features    []CEEFeature `json:"cee_features,omitempty"`
}

// ETS is enhanced transmission selection: traffic classes and their bandwidth.
type ETS struct {
	Willing    bool  `json:"willing,omitempty"`
	Shaper     bool  `json:"credit_based_shaper,omitempty"`
	Classes    int   `json:"max_classes,omitempty"` // 0 = 8 of them
	Assigned   []int `json:"class_of_priority"`     // by priority, 0 to 7
	Bandwidth  []int `json:"bandwidth_percent"`     // by class
	Algorithms []int `json:"algorithms,omitempty"`  // by class: 0 strict, 1 credit-based, 2 ETS, 255 vendor's
}

// PFC is priority-based flow control.
type PFC struct {
	Willing bool  `json:"willing,omitempty"`
	Bypass  bool  `json:"macsec_bypass,omitempty"`
	Classes int   `json:"max_classes"`
	Enabled []int `json:"priorities"` // those that may be paused
}

// App says which priority the frames of an application get.
type App struct {
	Priority   int   `json:"priority,omitempty"`
	Priorities []int `json:"priorities,omitempty"` // of CEE
	Selector   int   `json:"selector"`             // 1 EtherType, 2 TCP, 3 UDP, 4 both; of CEE: 0 EtherType, 1 port
	Protocol   int   `json:"protocol"`
	OUI        int   `json:"oui,omitempty"` // of CEE
}

// Congestion is congestion notification, a bit for each priority.
type Congestion struct {
	Priorities int `json:"priorities"`
	Ready      int `json:"ready"`
}

// CEEVersion is the state of CEE's own protocol.
type CEEVersion struct {
	Operating int    `json:"version"`
	Most      int    `json:"max_version"`
	Sequence  uint32 `json:"sequence"`
	Ack       uint32 `json:"ack"`
}

// CEEFeature is what CEE says about one of its features.
type CEEFeature struct {
	Type      int  `json:"type"` // 2 priority groups, 3 PFC, 4 applications
	Operating int  `json:"version"`
	Most      int  `json:"max_version"`
	Enabled   bool `json:"enabled,omitempty"`
	Willing   bool `json:"willing,omitempty"`
	Error     bool `json:"error,omitempty"`
	Subtype   int  `json:"subtype,omitempty"`
}

func (a *Advert) bridging() *DCBX {
	if a.DCBX == nil {
		a.DCBX = &DCBX{}
	}
	return a.DCBX
}

// dcbx reads IEEE's form, subtypes 8 to 12 of 802.1.
func (a *Advert) dcbx(subtype int, v []byte) bool {
	least := map[int]int{8: 2, 9: 21, 10: 21, 11: 2, 12: 1}[subtype]
	switch {
	case least == 0:
		return false
	case len(v) < least:
		a.wrong("802.1 subtype %d has %d bytes where %d belong", subtype, len(v), least)
		return true
	}
	d := a.bridging()
	switch subtype {
	case 8:
		d.Congestion = &Congestion{int(v[0]), int(v[1])}
	case 9:
		d.ETS = ets(v)
		d.ETS.Willing, d.ETS.Shaper, d.ETS.Classes = v[0]&0x80 != 0, v[0]&0x40 != 0, int(v[0]&7)
	case 10:
		d.Recommended = ets(v)
	case 11:
		d.PFC = &PFC{Willing: v[0]&0x80 != 0, Bypass: v[0]&0x40 != 0, Classes: int(v[0] & 15), Enabled: priorities(v[1])}
	case 12:
		for v = v[1:]; len(v) >= 3; v = v[3:] {
			d.Apps = append(d.Apps, App{Priority: int(v[0] >> 5), Selector: int(v[0] & 7), Protocol: int(be16(v[1:]))})
		}
	}
	return true
}

// ets reads | flags 1 | class of each priority, 8 times 4 bits | bandwidth 8 | algorithm 8 |
func ets(v []byte) *ETS {
	return &ETS{Assigned: nibbles(v[1:5]), Bandwidth: integers(v[5:13]), Algorithms: integers(v[13:21])}
}

func nibbles(b []byte) []int {
	var list []int
	for _, c := range b {
		list = append(list, int(c>>4), int(c&15))
	}
	return list
}

func integers(b []byte) []int {
	var list []int
	for _, c := range b {
		list = append(list, int(c))
	}
	return list
}

// priorities lists the bits that are set.
func priorities(b byte) []int {
	list := []int{}
	for i := range 8 {
		if b>>i&1 != 0 {
			list = append(list, i)
		}
	}
	return list
}

// cee reads the form before IEEE's, a list of its own TLVs:
//
//	| type 7 bits | length 9 bits | version 1 | most 1 | control: sequence 4, ack 4; feature: flags 1, subtype 1, value |
func (a *Advert) cee(subtype int, v []byte) bool {
	if subtype != 2 {
		return false
	}
	d := a.bridging()
	for len(v) >= 2 {
		typ, size := int(v[0]>>1), int(be16(v)&0x1ff)
		if size < 4 || len(v) < 2+size {
			a.wrong("CEE: a TLV of type %d claims %d bytes where %d are left", typ, size, len(v)-2)
			return true
		}
		a.ceeTLV(d, typ, v[2:2+size])
		v = v[2+size:]
	}
	return true
}

func (a *Advert) ceeTLV(d *DCBX, typ int, v []byte) {
	least := map[int]int{1: 10, 2: 17, 3: 6}[typ]
	if len(v) < least {
		a.wrong("CEE type %d has %d bytes where %d belong", typ, len(v), least)
		return
	}
	if typ == 1 {
		d.Version = &CEEVersion{int(v[0]), int(v[1]), be32(v[2:]), be32(v[6:])}
		return
	}
	d.Features = append(d.Features, CEEFeature{Type: typ, Operating: int(v[0]), Most: int(v[1]),
		Enabled: v[2]&0x80 != 0, Willing: v[2]&0x40 != 0, Error: v[2]&0x20 != 0, Subtype: int(v[3])})
	value := v[4:]
	switch typ {
	case 2:
		d.ETS = &ETS{Assigned: nibbles(value[:4]), Bandwidth: integers(value[4:12]), Classes: int(value[12])}
	case 3:
		d.PFC = &PFC{Enabled: priorities(value[0]), Classes: int(value[1])}
	case 4:
		for ; len(value) >= 6; value = value[6:] {
			d.Apps = append(d.Apps, App{Protocol: int(be16(value)), Selector: int(value[2] & 3), OUI: int(value[2]&0xfc)<<16 | int(be16(value[3:])), Priorities: priorities(value[5])})
		}
	}
}
