package host

import (
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is memory that the kernel writes a tracepoint's events of one processor
// into: a page about the ring, then the ring itself.
type ring struct {
	fd     int
	memory []byte
	about  *unix.PerfEventMmapPage
}

// openRing asks perf_event_open(2) for the event with that number.
func openRing(event uint64, cpu int) (ring, error) {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: event, Sample: 1, Wakeup: 1,
		Sample_type: unix.PERF_SAMPLE_TID | unix.PERF_SAMPLE_TIME | unix.PERF_SAMPLE_RAW,
		Bits:        unix.PerfBitDisabled | unix.PerfBitUseClockID, Clockid: unix.CLOCK_MONOTONIC}
	attr.Size = uint32(unsafe.Sizeof(attr))
	fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return ring{}, fmt.Errorf("perf_event_open: %w", err)
	}
	filter, err := unix.BytePtrFromString(traceFilter)
	if err != nil {
		return ring{}, err
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.PERF_EVENT_IOC_SET_FILTER, uintptr(unsafe.Pointer(filter))); errno != 0 {
		unix.Close(fd)
		return ring{}, fmt.Errorf("perf event filter: %w", errno)
	}
	memory, err := unix.Mmap(fd, 0, (1+tracePages)*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		unix.Close(fd)
		return ring{}, fmt.Errorf("perf event memory: %w", err)
	}
	r := ring{fd, memory, (*unix.PerfEventMmapPage)(unsafe.Pointer(&memory[0]))}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		r.close()
		return ring{}, fmt.Errorf("perf event: %w", err)
	}
	return r, nil
}

// wakeup returns what is readable when one of the rings got an event.
func wakeup(rings []ring) (*os.File, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	for _, r := range rings {
		if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, r.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(r.fd)}); err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("epoll: %w", err)
		}
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that the runtime waits for it
		unix.Close(fd)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return os.NewFile(uintptr(fd), "events"), nil
}

// awaitEvents returns when there is something in a ring, and an error when woken
// is closed.
func awaitEvents(woken *os.File, rings []ring) error {
	c, err := woken.SyscallConn()
	if err != nil {
		return err
	}
	return c.Read(func(fd uintptr) bool {
		// To be asked makes a ring unready, and the runtime asked already: its
		// memory tells.
		var events [8]unix.EpollEvent
		_, _ = unix.EpollWait(int(fd), events[:], 0)
		return slices.ContainsFunc(rings, ring.holds)
	})
}

// holds reports whether there is something to read.
func (r ring) holds() bool { return atomic.LoadUint64(&r.about.Data_head) != r.about.Data_tail }

func (r ring) close() {
	_ = unix.Munmap(r.memory)
	unix.Close(r.fd)
}

// read calls each with every record since the last time, and gives the room
// back to the kernel.
func (r ring) read(each func(record []byte)) {
	data := r.memory[os.Getpagesize():]
	size := uint64(len(data))
	head, tail := atomic.LoadUint64(&r.about.Data_head), r.about.Data_tail
	record := make([]byte, 0, 256)
	for tail < head {
		at := tail % size
		n := uint64(native.Uint16(data[(at+6)%size:])) // records are whole multiples of 8 bytes
		if n < 8 || n > head-tail {
			break
		}
		record = record[:0]
		if end := at + n; end <= size {
			record = append(record, data[at:end]...)
		} else {
			record = append(append(record, data[at:]...), data[:end-size]...)
		}
		each(record)
		tail += n
	}
	atomic.StoreUint64(&r.about.Data_tail, head)
}
