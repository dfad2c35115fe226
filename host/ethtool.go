package host

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

// ethtool adds what only the driver knows: speed, duplex, its name, and whether
// there is a device behind it. A driver that does not answer leaves them empty.
func ethtool(links []discovery.Link) []discovery.Link {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return links
	}
	defer unix.Close(fd)
	for i := range links {
		l := &links[i]
		if l.Loopback {
			continue
		}
		if info, err := unix.IoctlGetEthtoolDrvinfo(fd, l.Name); err == nil {
			l.Driver = text(info.Driver[:])
			l.Virtual = l.Virtual || text(info.Bus_info[:]) == "" || text(info.Bus_info[:]) == "tap"
		}
		if l.Carrier {
			l.SpeedMbps, l.Duplex = linkSpeed(fd, l.Name)
		}
	}
	return links
}

// settings is struct ethtool_cmd, the form of ETHTOOL_GSET that every kernel
// still answers.
type settings struct {
	cmd       uint32
	_         [8]byte
	speed     uint16
	duplex    uint8
	_         [13]byte
	speedHigh uint16
	_         [14]byte
}

// request is struct ifreq with a pointer in it.
type request struct {
	name [unix.IFNAMSIZ]byte
	data *settings
	_    [16]byte
}

// The answers of ETHTOOL_GSET about duplex.
const (
	duplexHalf = 0
	duplexFull = 1
)

func linkSpeed(fd int, name string) (mbps int, duplex string) {
	const unknown = 1<<32 - 1
	answer := &settings{cmd: unix.ETHTOOL_GSET}
	ask := &request{data: answer}
	copy(ask.name[:unix.IFNAMSIZ-1], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(ask)))
	if errno != 0 {
		return 0, ""
	}
	if speed := uint32(answer.speedHigh)<<16 | uint32(answer.speed); speed != unknown && speed != 0xffff {
		mbps = int(speed)
	}
	switch answer.duplex {
	case duplexFull:
		duplex = "full"
	case duplexHalf:
		duplex = "half"
	}
	return mbps, duplex
}
