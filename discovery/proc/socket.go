package proc

import (
	"net/netip"
	"strconv"
	"strings"
)

// maxNetFile bounds one /proc/PID/net/tcp: 20,000 sockets are 3 MB.
const maxNetFile = 8 << 20

// The states of a socket that matter here, as discovery.Socket spells them.
const (
	stateListen      = "listen"
	stateEstablished = "established"
	stateUnconnected = "unconn"
)

// socket is a discovery.Socket wherever it was read, with its namespace.
type socket struct {
	proto         string
	local, remote netip.AddrPort
	state         string
	inode         uint64
	uid           uint32
	v6only        bool
	pids          []int
	netns         string
}

func (s socket) listens() bool {
	return s.state == stateListen || s.proto == "udp" && s.state == stateUnconnected && s.local.Port() != 0
}

// connected is true for peers that matter: TCP that was established and lasts,
// UDP with a fixed remote.
func (s socket) connected() bool {
	return s.state == stateEstablished && s.remote.Port() != 0 && s.remote.Addr().IsValid() && !s.remote.Addr().IsUnspecified()
}

// parseNet reads /proc/PID/net/{tcp,tcp6,udp,udp6} (proc_pid_net(5)): the
// sockets of a namespace this process is not in.
//
//	sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//	0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345
func parseNet(proto, text string) []socket {
	var list []socket
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 || !strings.HasSuffix(f[0], ":") {
			continue
		}
		local, ok1 := parseHexAddr(f[1])
		remote, ok2 := parseHexAddr(f[2])
		uid, err1 := strconv.ParseUint(f[7], 10, 32)
		inode, err2 := strconv.ParseUint(f[9], 10, 64)
		if !ok1 || !ok2 || err1 != nil || err2 != nil {
			continue
		}
		s := socket{proto: proto, local: local, remote: remote, uid: uint32(uid), inode: inode}
		switch f[3] {
		case "01":
			s.state = stateEstablished
		case "0A":
			s.state = stateListen
		case "07":
			s.state = stateUnconnected
		default:
			continue // on its way in or out
		}
		list = append(list, s)
	}
	return list
}

// parseHexAddr reads "0100007F:1F90". The address is printed as 32-bit words in
// the machine's own order, little endian wherever this product runs.
func parseHexAddr(text string) (netip.AddrPort, bool) {
	digits, portText, ok := strings.Cut(text, ":")
	port, err := strconv.ParseUint(portText, 16, 16)
	if !ok || err != nil || len(digits) != 8 && len(digits) != 32 {
		return netip.AddrPort{}, false
	}
	raw := make([]byte, len(digits)/2)
	for i := range raw {
		hi, lo := hexDigit(digits[2*i]), hexDigit(digits[2*i+1])
		if hi < 0 || lo < 0 {
			return netip.AddrPort{}, false
		}
		raw[i/4*4+3-i%4] = byte(hi<<4 | lo)
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), true
}

// socketInode reads the target of /proc/PID/fd/N, "socket:[12345]".
func socketInode(target string) (uint64, bool) {
	rest, ok := strings.CutPrefix(target, "socket:[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 64)
	return inode, err == nil
}
