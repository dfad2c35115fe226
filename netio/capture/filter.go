package capture

import "golang.org/x/sys/unix"

// What the filters look for.
const (
	etherLLDP  = 0x88cc
	maxLength  = 1500       // a type field up to here is the length of an 802.3 frame
	snapHeader = 0xaaaa0300 // LLC of SNAP, and the first byte of the organization
	snapCDP    = 0x000c2000 // rest of Cisco's organization, and CDP's type
)

// The programs of classic BPF, over a whole Ethernet frame:
//
//	destination 6 | source 6 | type or length 2 | LLC aa aa 03 | 00 00 0c | 20 00 | ...
var (
	filterLLDP = []unix.SockFilter{
		load16(12),
		equal(etherLLDP, 0, 1),
		keep,
		drop,
	}
	filterCDP = []unix.SockFilter{
		load16(12),
		greater(maxLength, 5, 0),
		load32(14),
		equal(snapHeader, 0, 3),
		load32(18),
		equal(snapCDP, 0, 1),
		keep,
		drop,
	}
	filterBoth = []unix.SockFilter{
		load16(12),
		equal(etherLLDP, 5, 0),
		greater(maxLength, 5, 0),
		load32(14),
		equal(snapHeader, 0, 3),
		load32(18),
		equal(snapCDP, 0, 1),
		keep,
		drop,
	}
)

var (
	keep = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: maxFrame}
	drop = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
)

func load16(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: at}
}

func load32(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

// equal skips yes instructions when what was loaded is k, no otherwise.
func equal(k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

// greater skips yes instructions when what was loaded is over k, no otherwise.
func greater(k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, Jt: yes, Jf: no, K: k}
}
