package host

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

// A connection that lives for 100 ms is never there when somebody looks. The
// kernel's tracepoint sock:inet_sock_set_state tells of it when it is made:
//
//	CLOSE → SYN_SENT          in the client's own context: who, and to whom
//	SYN_SENT → ESTABLISHED    it was answered
//	CLOSE ↔ LISTEN            a listener came or went
//
// The kernel filters, so that a server's accepted connections cost nothing, and
// writes into a ring of memory per processor that is looked at now and then.
const (
	traceEvent  = "events/sock/inet_sock_set_state"
	traceFilter = "(oldstate==7&&newstate==2)||(oldstate==2&&newstate==1)||newstate==10||(oldstate==10&&newstate==7)"
)

// The states of a socket, by the number the kernel gives them.
const (
	tcpSynSent = 2
	tcpListen  = 10
)

// Limits of the trace.
const (
	// tracePause is from one reading of what the kernel wrote to the next. The
	// first event after it is read at once: its process may live for 20 ms.
	tracePause = 50 * time.Millisecond
	// meetPause is added for each process that was met for the first time, which
	// costs 0.2 ms: many short ones in a row cost half a percent of a processor.
	meetPause = 40 * time.Millisecond
	// eventPause is added for each event, which costs 7 µs: a proxy that makes
	// thousands of connections every second costs a third of a percent.
	eventPause = 2 * time.Millisecond
	// tracePages are of memory per processor: some 160 events between two readings.
	// A proxy makes more, all to the same few places; what is lost comes again.
	tracePages = 4
	maxCPUs    = 1024
	// maxPending is how many connections may wait for their answer.
	maxPending = 1024
	// answerTime is how long one waits: the kernel itself gives up after 2 min.
	answerTime = 2 * time.Minute
	// maxBrief is how many short connections are remembered, and for how long:
	// long enough for the next look at connections.
	maxBrief  = 1024
	briefTime = 60 * time.Second
	// maxOften bounds how often connections that were not seen before ask for a
	// look.
	maxOften = 5 * time.Second
)

// brief is a connection of a program to a remote place. Not of a process: one
// that is started again and again is told of once.
type brief struct {
	program [8]byte // see caller
	remote  netip.AddrPort
}

// briefs are connections that were made a moment ago, and may be gone already.
type briefs struct {
	mu   sync.Mutex
	made map[brief]briefly
}

type briefly struct {
	at    time.Time
	by    *caller // the last
	local netip.Addr
}

// sockets lists what was made.
func (b *briefs) sockets(now time.Time) []discovery.Socket {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []discovery.Socket
	for c, made := range b.made {
		if now.Sub(made.at) > briefTime {
			delete(b.made, c)
			continue
		}
		s := discovery.Socket{Proto: "tcp", Local: netip.AddrPortFrom(made.local, 0), Remote: c.remote, State: "established",
			PIDs: []int{made.by.said.PID}, Netns: made.by.netns}
		if startOf(made.by.said.PID) != made.by.start {
			s.Ended = &made.by.said
		}
		list = append(list, s)
	}
	return list
}

// note remembers a connection and reports whether it is new.
func (b *briefs) note(now time.Time, w waiting) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, known := b.made[w.brief]
	if !known && len(b.made) >= maxBrief {
		return false
	}
	if b.made == nil {
		b.made = map[brief]briefly{}
	}
	b.made[w.brief] = briefly{now, w.by, w.local}
	return !known
}

// startOf is when a process started; empty when there is no such process.
func startOf(pid int) string {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var line [smallFile]byte
	n, err := unix.Read(fd, line[:]) // the kernel gives it in one piece
	if err != nil {
		return ""
	}
	return startIn(line[:n])
}

// startIn reads field 22 of proc_pid_stat(5).
func startIn(text []byte) string {
	const start = 19 // the fields after the name begin with number 3
	n := 0
	for field := range bytes.FieldsSeq(text[bytes.LastIndexByte(text, ')')+1:]) {
		if n == start {
			return string(field)
		}
		n++
	}
	return ""
}

// tracer reads the kernel's rings.
type tracer struct {
	host    *Host
	listens func() // a listener came or went, or a new connection was made
	netns   string
	fields  map[string]int // offset of each field of the event
	rings   []ring
	pending map[uint64]waiting // by the kernel's socket
	callers callers
	later   []traced // read, and not looked at yet
	told    time.Time
}

// waiting is a connection that was not answered yet.
type waiting struct {
	brief
	by    *caller
	since time.Time
	local netip.Addr
}

// openTrace begins to trace.
func openTrace(h *Host, listens func()) (*tracer, error) {
	netns, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	id, fields, err := traceFormat()
	if err != nil {
		return nil, err
	}
	cpus, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, err
	}
	t := &tracer{host: h, listens: listens, netns: netns, fields: fields, pending: map[uint64]waiting{}}
	for _, cpu := range cpuList(string(cpus)) {
		r, err := openRing(id, cpu)
		if err != nil {
			t.end()
			return nil, err
		}
		t.rings = append(t.rings, r)
	}
	return t, nil
}

// traceFormat reads the number of the event and where its fields are, from
// tracefs where it is mounted or through a mount of our own that nobody sees.
func traceFormat() (id uint64, fields map[string]int, err error) {
	var text []byte
	for _, dir := range []string{"/sys/kernel/tracing/", "/sys/kernel/debug/tracing/"} {
		if text, err = os.ReadFile(dir + traceEvent + "/format"); err == nil {
			return parseFormat(string(text))
		}
	}
	context, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return 0, nil, fmt.Errorf("tracefs: %w", err)
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return 0, nil, fmt.Errorf("tracefs: %w", err)
	}
	mount, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("tracefs: %w", err)
	}
	defer unix.Close(mount)
	fd, err := unix.Openat(mount, traceEvent+"/format", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("tracefs: %w", err)
	}
	f := os.NewFile(uintptr(fd), "format")
	defer f.Close()
	if text, err = io.ReadAll(io.LimitReader(f, 64<<10)); err != nil {
		return 0, nil, fmt.Errorf("tracefs: %w", err)
	}
	return parseFormat(string(text))
}

// traceSizes are the fields of the event that are read, and their least sizes.
var traceSizes = map[string]int{"skaddr": 8, "oldstate": 4, "newstate": 4, "sport": 2, "dport": 2, "family": 2, "protocol": 1,
	"saddr": 4, "daddr": 4, "saddr_v6": 16, "daddr_v6": 16}

// parseFormat reads a tracepoint's format file, of which these lines matter:
//
//	ID: 2287
//		field:__u16 sport;	offset:24;	size:2;	signed:0;
func parseFormat(text string) (id uint64, fields map[string]int, err error) {
	fields = map[string]int{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if number, ok := strings.CutPrefix(line, "ID: "); ok {
			if id, err = strconv.ParseUint(number, 10, 64); err != nil {
				return 0, nil, fmt.Errorf("trace format: %q is no number", number)
			}
		}
		parts := strings.Split(line, ";")
		if len(parts) < 3 || !strings.HasPrefix(line, "field:") {
			continue
		}
		name, _, _ := strings.Cut(parts[0][strings.LastIndexByte(parts[0], ' ')+1:], "[")
		offset, err1 := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(parts[1]), "offset:"))
		size, err2 := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(parts[2]), "size:"))
		if least := traceSizes[name]; least > 0 && err1 == nil && err2 == nil && size >= least && offset >= 0 && offset < 4096 {
			fields[name] = offset
		}
	}
	if id == 0 || len(fields) < len(traceSizes) {
		return 0, nil, errors.New("trace format: this kernel's event lacks fields")
	}
	return id, fields, nil
}

// cpuList reads "0-3,8": the processors that are on.
func cpuList(text string) []int {
	var list []int
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		b := a
		if isRange && err == nil {
			b, err = strconv.Atoi(last)
		}
		for ; err == nil && a <= b && len(list) < maxCPUs; a++ {
			list = append(list, a)
		}
	}
	return list
}

func (t *tracer) end() {
	for _, r := range t.rings {
		r.close()
	}
}

// run reads until ctx ends. It sleeps while there is nothing to read.
func (t *tracer) run(ctx context.Context) {
	defer t.end()
	woken, err := wakeup(t.rings)
	if err != nil {
		t.host.lacks(fmt.Sprintf("Connections shorter than the time between two looks are not seen: %v.", err))
		return
	}
	stop := context.AfterFunc(ctx, func() { woken.Close() })
	defer stop()
	defer woken.Close()
	for len(t.later) > 0 || awaitEvents(woken, t.rings) == nil {
		events := t.read()
		met := t.look(time.Now(), events)
		select {
		case <-ctx.Done():
			return
		case <-time.After(tracePause + time.Duration(met)*meetPause + time.Duration(len(events))*eventPause):
		}
	}
}

// read returns what the kernel wrote since the last time, in order of time. The
// rings are read one after the other: what came meanwhile waits for the next
// reading, since what was before it may be in a ring that was read already.
func (t *tracer) read() []traced {
	var begin unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &begin) // there is such a clock
	all := t.later
	for i := range t.rings {
		t.rings[i].read(func(record []byte) {
			if e, ok := t.parse(record); ok {
				all = append(all, e)
			}
		})
	}
	discovery.SortStable(all, func(a, b traced) int { return cmp.Compare(a.at, b.at) })
	n := len(all)
	for n > 0 && all[n-1].at > uint64(begin.Nano()) {
		n--
	}
	t.later = slices.Clone(all[n:])
	return all[:n]
}

// look takes in what happened. It returns how many processes were met for the
// first time.
func (t *tracer) look(now time.Time, events []traced) (met int) {
	tell := false
	for _, e := range events {
		switch {
		case e.from == tcpListen || e.to == tcpListen:
			ours, known := t.ours(e)
			tell = tell || ours
			if ours && known {
				t.told = time.Time{} // a listener does not wait
			}
		case e.to == tcpSynSent:
			met += t.asks(now, e)
		case e.from == tcpSynSent:
			tell = t.answered(now, e) || tell
		}
	}
	for socket, w := range t.pending {
		if now.Sub(w.since) > answerTime {
			delete(t.pending, socket)
		}
	}
	if tell && now.Sub(t.told) >= maxOften {
		t.told = now
		t.listens()
	}
	return met
}

// traced is one event.
type traced struct {
	at            uint64 // nanoseconds of the kernel's clock
	pid, thread   int    // 0: a process that this process namespace does not have
	socket        uint64
	from, to      uint32 // states
	local, remote netip.AddrPort
}

// ours reports whether who did it is in our network namespace. Who is gone
// already may have been, and is not known.
func (t *tracer) ours(e traced) (ours, known bool) {
	ns := namespaceOf(e)
	return ns == t.netns || ns == "" && e.pid != 0, ns != ""
}

// namespaceOf is the network namespace of who did it, empty when it is gone or
// of another process namespace.
func namespaceOf(e traced) string {
	for _, id := range []int{e.thread, e.pid} {
		if ns, err := os.Readlink("/proc/" + strconv.Itoa(id) + "/ns/net"); err == nil {
			return ns
		}
	}
	return ""
}

// asks notes who waits for whom, in containers as well: whether such a process
// is this system's is for those to say who look at processes. It returns 1 when
// the process was met for the first time.
func (t *tracer) asks(now time.Time, e traced) (met int) {
	if len(t.pending) >= maxPending || e.pid == 0 || e.remote.Port() == 0 {
		return 0
	}
	by, met := t.callers.meet(now, e)
	if by == nil {
		return met
	}
	if by.netns == t.netns {
		by.netns = ""
	}
	t.pending[e.socket] = waiting{brief{by.program, e.remote}, by, now, e.local.Addr()}
	return met
}

// answered remembers a connection that was made, and reports whether it is new.
func (t *tracer) answered(now time.Time, e traced) bool {
	w, ok := t.pending[e.socket]
	delete(t.pending, e.socket)
	return ok && w.remote == e.remote && t.host.brief.note(now, w)
}

// parse reads a record that perf_event_open(2) wrote for an event:
//
//	| type 4 | misc 2 | size 2 | process 4 | thread 4 | time 8 | size 4 | the event's fields |
func (t *tracer) parse(b []byte) (traced, bool) {
	const head = 28
	if len(b) < head || native.Uint32(b) != unix.PERF_RECORD_SAMPLE {
		return traced{}, false
	}
	e := traced{pid: int(int32(native.Uint32(b[8:]))), thread: int(int32(native.Uint32(b[12:]))), at: native.Uint64(b[16:])}
	raw := b[head:]
	for name, size := range traceSizes {
		if t.fields[name]+size > len(raw) {
			return traced{}, false
		}
	}
	at := func(name string) []byte { return raw[t.fields[name]:] }
	if at("protocol")[0] != unix.IPPROTO_TCP || e.pid < 0 {
		return traced{}, false
	}
	e.socket = native.Uint64(at("skaddr"))
	e.from, e.to = native.Uint32(at("oldstate")), native.Uint32(at("newstate"))
	local, remote := netip.AddrFrom4([4]byte(at("saddr"))), netip.AddrFrom4([4]byte(at("daddr")))
	if native.Uint16(at("family")) == unix.AF_INET6 {
		local, remote = netip.AddrFrom16([16]byte(at("saddr_v6"))).Unmap(), netip.AddrFrom16([16]byte(at("daddr_v6"))).Unmap()
	}
	e.local = netip.AddrPortFrom(local, native.Uint16(at("sport")))
	e.remote = netip.AddrPortFrom(remote, native.Uint16(at("dport")))
	return e, true
}
