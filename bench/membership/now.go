package main

import (
	"encoding/binary"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls that never wait are made without telling Go's scheduler, which would
// wake its watchman for each of them: that cost more than all the rest.

// pollNow is epoll_wait for what is there already: how many are ready.
func pollNow(poll int, ready []unix.EpollEvent) int {
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(poll), uintptr(unsafe.Pointer(&ready[0])), uintptr(len(ready)), 0, 0, 0)
	if e != 0 {
		return 0
	}
	return int(n)
}

// receiveNow takes one datagram in; -1 when none waits.
func receiveNow(fd int, buf []byte) (int, netip.AddrPort) {
	var from unix.RawSockaddrInet4
	size := uint32(unix.SizeofSockaddrInet4)
	n, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
	if e != 0 {
		return -1, netip.AddrPort{}
	}
	return int(n), netip.AddrPortFrom(netip.AddrFrom4(from.Addr), binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&from.Port))[:]))
}

// sendNow sends one datagram; one for which there is no room is lost.
func sendNow(fd int, b []byte, to netip.AddrPort) {
	at := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&at.Port))[:], to.Port())
	_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&at)), unix.SizeofSockaddrInet4)
}

// clock wakes once for each rest: Go's own timers count in milliseconds and wake
// twice.
type clock struct {
	file *os.File
	raw  syscall.RawConn
}

func newClock() (*clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	c := &clock{file: os.NewFile(uintptr(fd), "timer")}
	c.raw, err = c.file.SyscallConn()
	return c, err
}

// rest waits for d.
func (c *clock) rest(d time.Duration) {
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(max(int64(d), 1))} // zero would never come
	_ = c.raw.Control(func(fd uintptr) {
		_, _, _ = unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, fd, 0, uintptr(unsafe.Pointer(&at)), 0, 0, 0)
	})
	_ = c.raw.Read(func(fd uintptr) bool {
		var times [8]byte
		n, _, _ := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&times[0])), uintptr(len(times)))
		return n == uintptr(len(times))
	})
}
