package nanoprobe

import (
	"os"
	"path/filepath"

	"assim/netio"
	"assim/wire"
)

// ports are the UDP ports to try: the one that was asked for, the one after it,
// any. Where a CMA keeps its data beside ours the usual one belongs to the CMA,
// even while it does not run: it may start after us. Neighbors are told
// whichever it is.
func ports(cfg Config) []int {
	if cfg.Port == 0 {
		return []int{0}
	}
	_, err := os.Stat(filepath.Join(filepath.Dir(filepath.Clean(cfg.Data)), "cma"))
	if err == nil && cfg.Port == wire.Port {
		return []int{cfg.Port + 1, 0}
	}
	return []int{cfg.Port, cfg.Port + 1, 0}
}

// listen opens the first of the ports that is free.
func listen(ports []int) (udp *netio.UDP, err error) {
	for _, p := range ports {
		if udp, err = netio.Listen(netio.Options{Port: p, Errors: true}); err == nil {
			return udp, nil
		}
	}
	return nil, err
}
