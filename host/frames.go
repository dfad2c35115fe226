package host

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"assim/discovery"
)

// Limits on frames kept.
const (
	// maxSenders is how many senders are kept per interface; a switch is one or
	// two of them, a misused cable a few.
	maxSenders = 32
	// maxFrames is how many frames are kept in all.
	maxFrames = 4096
	// minFrame is an Ethernet header.
	minFrame = 14
)

// sender names who sends which kind of frame where.
type sender struct {
	link string
	mac  [6]byte
	lldp bool
}

// kept is a sender's newest frame.
type kept struct {
	data []byte
	at   time.Time
}

// heard keeps the newest frame of each sender.
type heard struct {
	mu     sync.Mutex
	since  time.Time // zero = not listening
	frames map[sender]kept
}

// Frames returns the newest LLDP and CDP frame of each sender on each
// interface, while Watch runs. What an interface heard before it lost its
// carrier is forgotten.
func (h *Host) Frames(context.Context) ([]discovery.Frame, time.Duration, error) {
	if !h.live {
		return nil, 0, discovery.ErrNotHere
	}
	h.heard.mu.Lock()
	defer h.heard.mu.Unlock()
	if h.heard.since.IsZero() {
		return nil, 0, fmt.Errorf("frames are not listened to: %w", discovery.ErrNotYet)
	}
	now := time.Now()
	list := make([]discovery.Frame, 0, len(h.heard.frames))
	for who, f := range h.heard.frames {
		list = append(list, discovery.Frame{Link: who.link, Data: f.data, Age: now.Sub(f.at)})
	}
	discovery.Sort(list, func(a, b discovery.Frame) int {
		return cmp.Or(cmp.Compare(a.Link, b.Link), bytes.Compare(a.Data, b.Data))
	})
	return list, now.Sub(h.heard.since), nil
}

// listen says since when frames are captured; zero = they are not.
func (k *heard) listen(since time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.since = since
	if k.frames == nil {
		k.frames = map[sender]kept{}
	}
}

// keep notes a frame and reports whether it differs from the one before.
func (k *heard) keep(now time.Time, link string, data []byte) bool {
	if len(data) < minFrame {
		return false
	}
	who := sender{link: link, lldp: data[12] == 0x88 && data[13] == 0xcc}
	copy(who.mac[:], data[6:12])
	k.mu.Lock()
	defer k.mu.Unlock()
	before, known := k.frames[who]
	if !known {
		k.makeRoom(link)
	}
	k.frames[who] = kept{data, now}
	return !known || !bytes.Equal(before.data, data)
}

// makeRoom lets a new sender in by dropping the one silent for longest, of the
// same interface if that has its fill.
func (k *heard) makeRoom(link string) {
	here := 0
	for who := range k.frames {
		if who.link == link {
			here++
		}
	}
	if here < maxSenders && len(k.frames) < maxFrames {
		return
	}
	var oldest sender
	found := false
	for who, f := range k.frames {
		if here >= maxSenders && who.link != link {
			continue
		}
		if !found || f.at.Before(k.frames[oldest].at) {
			oldest, found = who, true
		}
	}
	delete(k.frames, oldest)
}

// forget drops what the given interface heard, and reports whether that was
// anything.
func (k *heard) forget(link string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	any := false
	for who := range k.frames {
		if who.link == link {
			delete(k.frames, who)
			any = true
		}
	}
	return any
}
