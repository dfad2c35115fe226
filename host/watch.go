package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"assim/discovery"
	"assim/netio/capture"
)

// maxWatchedNeighbors bounds the memory of whose address is known already.
const maxWatchedNeighbors = 16 << 10

// Event is something that happened on the host: a trigger, or a changed file.
type Event struct {
	Trigger discovery.Trigger // empty for a file
	File    string            // as in io/fs; empty for a trigger
}

// Watch reports what happens until ctx ends: changes of the network, frames that
// differ from those before, and changes of the given files and directories. It
// calls happened from goroutines of its own, never two at once, and returns when
// all of them ended. What cannot be watched for lack of privilege is left out;
// Cannot says so.
func (h *Host) Watch(ctx context.Context, files []string, happened func(Event)) error {
	if !h.live {
		<-ctx.Done()
		return nil
	}
	var one sync.Mutex
	w := &watcher{host: h, neighbors: map[place]string{}, downs: map[int]uint32{}, tell: func(e Event) {
		one.Lock()
		defer one.Unlock()
		happened(e)
	}}
	network, err := openGroups(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR |
		unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE | unix.RTMGRP_NEIGH)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	w.capture(ctx, &all)
	w.follow(ctx)
	all.Go(func() {
		<-ctx.Done()
		network.Close()
	})
	if t, err := openTrace(h, func() { w.tell(Event{Trigger: discovery.Sockets}) }); err != nil {
		h.lacks(fmt.Sprintf("Connections shorter than the time between two looks are not seen: %v.", err))
	} else {
		all.Go(func() { t.run(ctx) })
	}
	all.Go(func() { watchFiles(ctx, files, func(name string) { w.tell(Event{File: name}) }) })
	err = w.network(ctx, network)
	stop()
	all.Wait()
	h.heard.listen(time.Time{})
	return err
}

// watcher turns messages of the kernel into triggers.
type watcher struct {
	host      *Host
	tell      func(Event)
	listener  *capture.Listener // nil when frames cannot be captured
	neighbors map[place]string  // hardware address by place
	downs     map[int]uint32    // how often an interface lost its carrier, by index

	mu    sync.Mutex
	names map[int]string // of the interfaces, for captured frames
}

// place is where a neighbor is met.
type place struct {
	link uint32
	ip   netip.Addr
}

// capture starts to listen for frames.
func (w *watcher) capture(ctx context.Context, all *sync.WaitGroup) {
	listener, err := capture.Open()
	if err != nil {
		w.host.lacks(fmt.Sprintf("LLDP and CDP frames are not heard: %v.", err))
		return
	}
	w.listener = listener
	w.host.heard.listen(time.Now())
	all.Go(func() {
		listener.Run(ctx, func(f capture.Frame) {
			w.mu.Lock()
			name := w.names[f.Link]
			w.mu.Unlock()
			if name != "" && w.host.heard.keep(time.Now(), name, f.Data) {
				w.tell(Event{Trigger: discovery.Frames})
			}
		})
	})
}

// follow learns the interfaces anew: their names, which to listen on, and what
// an interface without carrier heard is forgotten.
func (w *watcher) follow(ctx context.Context) {
	links, err := kernelLinks(ctx)
	if err != nil {
		return // the next message brings another chance
	}
	names := make(map[int]string, len(links))
	masters := map[string]bool{}
	for _, l := range links {
		names[l.Index] = l.Name
		masters[l.Master] = true
	}
	w.mu.Lock()
	before := w.names
	w.names = names
	w.mu.Unlock()

	var listen []capture.Link
	lost := false
	for _, l := range links {
		if !l.Carrier {
			lost = w.host.heard.forget(l.Name) || lost
		}
		if l.MAC != "" && l.Up {
			listen = append(listen, capture.Link{Index: l.Index, Port: l.Master != "" && l.Kind != "veth" && l.Kind != "tun", Owner: masters[l.Name]})
		}
	}
	for index, name := range before {
		if names[index] != name {
			lost = w.host.heard.forget(name) || lost
		}
	}
	if w.listener != nil {
		w.listener.Follow(listen)
	}
	if lost {
		w.tell(Event{Trigger: discovery.Frames})
	}
}

// network reads the kernel's messages until the socket is closed.
func (w *watcher) network(ctx context.Context, socket *os.File) error {
	buf := make([]byte, netlinkBuf)
	for {
		n, err := socket.Read(buf)
		switch {
		case ctx.Err() != nil || errors.Is(err, fs.ErrClosed):
			return nil
		case errors.Is(err, unix.ENOBUFS):
			w.everything(ctx)
			continue
		case err != nil:
			return fmt.Errorf("watching the network: %w", err)
		}
		fired := map[discovery.Trigger]bool{}
		for m := range messages(buf[:n]) {
			if w.unplugged(m) {
				fired[discovery.Frames] = true
			}
			if t := w.trigger(m); t != "" {
				fired[t] = true
			}
		}
		w.fire(ctx, fired)
	}
}

// everything is for the moment when messages were lost: all may have changed.
func (w *watcher) everything(ctx context.Context) {
	clear(w.neighbors)
	w.fire(ctx, map[discovery.Trigger]bool{discovery.Links: true, discovery.Addrs: true, discovery.Routes: true, discovery.Neighbors: true})
}

func (w *watcher) fire(ctx context.Context, fired map[discovery.Trigger]bool) {
	if fired[discovery.Links] {
		w.follow(ctx)
	}
	for t := range fired {
		w.tell(Event{Trigger: t})
	}
}

// unplugged forgets what an interface heard before it lost its carrier. On a
// busy machine it may have a carrier again by the time somebody looks, and
// another switch at the cable's end; the kernel counts.
func (w *watcher) unplugged(m message) bool {
	if m.typ != unix.RTM_NEWLINK {
		return false
	}
	l, ok := parseLink(m.data)
	if !ok {
		return false
	}
	lost := !l.Carrier
	for typ, value := range attrs(m.data, unix.SizeofIfInfomsg) {
		if typ == unix.IFLA_CARRIER_DOWN_COUNT {
			before, known := w.downs[l.Index]
			w.downs[l.Index] = number(value)
			lost = lost || known && before != number(value)
		}
	}
	return lost && w.host.heard.forget(l.Name)
}

// trigger says what a message means; empty = nothing worth a look.
func (w *watcher) trigger(m message) discovery.Trigger {
	switch m.typ {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return discovery.Links
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		return discovery.Addrs
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		return discovery.Routes
	case unix.RTM_NEWNEIGH:
		return w.neighbor(m.data)
	}
	return ""
}

// neighbor lets through what is new: an entry goes from reachable to stale and
// back many times an hour, and one that is gone was not taken back.
func (w *watcher) neighbor(data []byte) discovery.Trigger {
	n, ok := parseNeighbor(data)
	const unusable = unix.NUD_FAILED | unix.NUD_INCOMPLETE | unix.NUD_NOARP
	if !ok || n.mac == "" || n.state&unusable != 0 {
		return ""
	}
	where := place{n.link, n.ip}
	if w.neighbors[where] == n.mac {
		return ""
	}
	if len(w.neighbors) >= maxWatchedNeighbors {
		clear(w.neighbors)
	}
	w.neighbors[where] = n.mac
	return discovery.Neighbors
}

// openGroups subscribes to the kernel's messages about the network.
func openGroups(groups uint32) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("watching the network: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("watching the network: %w", err)
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}
