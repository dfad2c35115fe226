package host

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
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
//	any ↔ LISTEN              a listener came or went
//
// The kernel filters, so that a server's accepted connections cost nothing.
const (
	traceEvent  = "events/sock/inet_sock_set_state"
	traceFilter = "(oldstate==7&&newstate==2)||(oldstate==2&&newstate==1)||newstate==10||oldstate==10"
	traceBuffer = "32" // kB of the kernel's memory per processor
)

// Limits of the trace.
const (
	// tracePause is between two readings of what the kernel kept: a proxy makes
	// thousands of connections a second, all to the same few places.
	tracePause = 200 * time.Millisecond
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

// brief is a connection of a process to a remote place.
type brief struct {
	pid    int
	remote netip.AddrPort
}

// briefs are connections that were made a moment ago, and may be gone already.
type briefs struct {
	mu   sync.Mutex
	made map[brief]briefly
}

type briefly struct {
	at    time.Time
	start string // when the process started, in the kernel's ticks
	local netip.Addr
}

// sockets lists what was made and whose process still is.
func (b *briefs) sockets(now time.Time) []discovery.Socket {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []discovery.Socket
	for c, when := range b.made {
		if now.Sub(when.at) > briefTime || startOf(c.pid) != when.start {
			delete(b.made, c)
			continue
		}
		list = append(list, discovery.Socket{Proto: "tcp", Local: netip.AddrPortFrom(when.local, 0), Remote: c.remote, State: "established", PIDs: []int{c.pid}})
	}
	return list
}

// note remembers a connection and reports whether it is new.
func (b *briefs) note(now time.Time, c brief, local netip.Addr) bool {
	start := startOf(c.pid)
	if start == "" {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	before, known := b.made[c]
	if !known && len(b.made) >= maxBrief {
		return false
	}
	if b.made == nil {
		b.made = map[brief]briefly{}
	}
	b.made[c] = briefly{now, start, local}
	return !known || before.start != start
}

// startOf reads field 22 of proc_pid_stat(5); empty when there is no such
// process.
func startOf(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text[bytes.LastIndexByte(text, ')')+1:]), " ")
	const afterName = 19 // the fields after the name begin with number 3
	fields := strings.Fields(rest)
	if len(fields) <= afterName {
		return ""
	}
	return fields[afterName]
}

// processOf is the process that a thread belongs to; 0 when it is gone.
func processOf(thread int) int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(thread) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "\nTgid:")
	line, _, _ := strings.Cut(rest, "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0
	}
	return pid
}

// tracer reads one instance of the kernel's trace.
type tracer struct {
	host     *Host
	listens  func() // a listener came or went, or a new connection was made
	netns    string
	instance int // directory
	parent   int // directory of all instances
	name     string
	pipe     *os.File
	pending  map[netip.AddrPort]map[int]waiting
	count    int // of pending
	told     time.Time
}

type waiting struct {
	since time.Time
	local netip.Addr
}

// openTrace begins to trace. It needs the first process namespace, since the
// kernel tells of processes by their number there.
func openTrace(h *Host, listens func()) (*tracer, error) {
	const first = "pid:[4026531836]"
	if ns, err := os.Readlink("/proc/self/ns/pid"); err != nil || ns != first {
		return nil, errors.New("this is not the first process namespace")
	}
	netns, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	parent, err := openInstances()
	if err != nil {
		return nil, err
	}
	t := &tracer{host: h, listens: listens, netns: netns, parent: parent, instance: -1, pending: map[netip.AddrPort]map[int]waiting{},
		name: fmt.Sprintf("assim-%d-%d", os.Getpid(), unix.Gettid())}
	if err := t.begin(); err != nil {
		t.end()
		return nil, err
	}
	return t, nil
}

// openInstances opens the directory of trace instances, where it is mounted or
// through a mount of our own that nobody else sees.
func openInstances() (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	for _, dir := range []string{"/sys/kernel/tracing/instances", "/sys/kernel/debug/tracing/instances"} {
		if fd, err := unix.Open(dir, flags, 0); err == nil {
			return fd, nil
		}
	}
	context, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("tracefs: %w", err)
	}
	defer unix.Close(context)
	if err := unix.FsconfigCreate(context); err != nil {
		return -1, fmt.Errorf("tracefs: %w", err)
	}
	mount, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("tracefs: %w", err)
	}
	defer unix.Close(mount)
	fd, err := unix.Openat(mount, "instances", flags, 0)
	if err != nil {
		return -1, fmt.Errorf("tracefs: %w", err)
	}
	return fd, nil
}

func (t *tracer) begin() error {
	t.sweep()
	if err := unix.Mkdirat(t.parent, t.name, 0o700); err != nil {
		return fmt.Errorf("tracefs: %w", err)
	}
	var err error
	if t.instance, err = unix.Openat(t.parent, t.name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("tracefs: %w", err)
	}
	// Tell of the first event, not when half of the buffer is full. Older kernels
	// know nothing else.
	_ = t.write("buffer_percent", "0")
	for _, set := range [][2]string{{"buffer_size_kb", traceBuffer}, {traceEvent + "/filter", traceFilter}, {traceEvent + "/enable", "1"}} {
		if err := t.write(set[0], set[1]); err != nil {
			return fmt.Errorf("tracefs: %s: %w", set[0], err)
		}
	}
	pipe, err := unix.Openat(t.instance, "trace_pipe", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("tracefs: %w", err)
	}
	t.pipe = os.NewFile(uintptr(pipe), "trace_pipe")
	return nil
}

// sweep removes instances that killed nanoprobes left behind. The kernel keeps
// those that somebody reads.
func (t *tracer) sweep() {
	fd, err := unix.Dup(t.parent)
	if err != nil {
		return
	}
	dir := os.NewFile(uintptr(fd), "instances")
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return
	}
	for _, name := range names {
		if strings.HasPrefix(name, "assim-") {
			_ = unix.Unlinkat(t.parent, name, unix.AT_REMOVEDIR)
		}
	}
}

func (t *tracer) write(name, value string) error {
	fd, err := unix.Openat(t.instance, name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

func (t *tracer) end() {
	if t.pipe != nil {
		t.pipe.Close()
	}
	if t.instance >= 0 {
		_ = t.write(traceEvent+"/enable", "0")
		unix.Close(t.instance)
	}
	_ = unix.Unlinkat(t.parent, t.name, unix.AT_REMOVEDIR)
	unix.Close(t.parent)
}

// run reads until ctx ends.
func (t *tracer) run(ctx context.Context) {
	defer t.end()
	stop := context.AfterFunc(ctx, func() { _ = t.pipe.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 64<<10)
	for ctx.Err() == nil {
		n, err := t.pipe.Read(buf)
		if err != nil && n == 0 {
			return
		}
		t.read(time.Now(), buf[:n])
		select {
		case <-ctx.Done():
		case <-time.After(tracePause):
		}
	}
}

// read takes in what the kernel wrote, a line per event.
func (t *tracer) read(now time.Time, text []byte) {
	tell := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		e, ok := parseTrace(lines.Text())
		if ok {
			tell = t.event(now, e) || tell
		}
	}
	t.expire(now)
	if tell && now.Sub(t.told) >= maxOften {
		t.told = now
		t.listens()
	}
}

// traced is one event.
type traced struct {
	thread        int
	from, to      string // states
	local, remote netip.AddrPort
}

// event reports whether a look is worth it.
func (t *tracer) event(now time.Time, e traced) bool {
	switch {
	case e.from == "TCP_LISTEN" || e.to == "TCP_LISTEN":
		ns, err := os.Readlink("/proc/" + strconv.Itoa(e.thread) + "/ns/net")
		if err != nil || ns == t.netns { // who is gone may have been ours
			t.told = time.Time{} // a listener does not wait
			return true
		}
		return false
	case e.to == "TCP_SYN_SENT":
		t.asks(now, e)
		return false
	}
	return t.answered(now, e.remote)
}

// asks notes who waits for whom, if it is a process of our network namespace.
func (t *tracer) asks(now time.Time, e traced) {
	if t.count >= maxPending || !e.remote.IsValid() {
		return
	}
	ns, err := os.Readlink("/proc/" + strconv.Itoa(e.thread) + "/ns/net")
	pid := processOf(e.thread)
	if err != nil || ns != t.netns || pid == 0 {
		return
	}
	who := t.pending[e.remote]
	if who == nil {
		who = map[int]waiting{}
		t.pending[e.remote] = who
	}
	if _, known := who[pid]; !known {
		t.count++
	}
	who[pid] = waiting{now, e.local.Addr()}
}

// answered notes the connections of all who wait for that place.
func (t *tracer) answered(now time.Time, remote netip.AddrPort) bool {
	isNew := false
	for pid, w := range t.pending[remote] {
		isNew = t.host.brief.note(now, brief{pid, remote}, w.local) || isNew
	}
	t.count -= len(t.pending[remote])
	delete(t.pending, remote)
	return isNew
}

func (t *tracer) expire(now time.Time) {
	for remote, who := range t.pending {
		for pid, w := range who {
			if now.Sub(w.since) > answerTime {
				delete(who, pid)
				t.count--
			}
		}
		if len(who) == 0 {
			delete(t.pending, remote)
		}
	}
}

// parseTrace reads a line like
//
//	curl-4711    [001] ..... 12.345: inet_sock_set_state: family=AF_INET protocol=IPPROTO_TCP sport=0 dport=80
//	saddr=10.0.0.1 daddr=10.0.0.2 saddrv6=::ffff:10.0.0.1 daddrv6=::ffff:10.0.0.2 oldstate=TCP_CLOSE newstate=TCP_SYN_SENT
//
// all of it in one line. The name of a process can be anything.
func parseTrace(line string) (traced, bool) {
	const mark = ": inet_sock_set_state: "
	i := strings.LastIndex(line, mark)
	if i < 0 {
		return traced{}, false
	}
	head, tail := line[:i], line[i+len(mark):]
	values := map[string]string{}
	for word := range strings.FieldsSeq(tail) {
		name, value, _ := strings.Cut(word, "=")
		values[name] = value
	}
	e := traced{from: values["oldstate"], to: values["newstate"]}
	if values["protocol"] != "IPPROTO_TCP" || e.from == "" || e.to == "" {
		return traced{}, false
	}
	bracket := strings.LastIndex(head, " [")
	if bracket < 0 {
		return traced{}, false
	}
	name := strings.TrimRight(head[:bracket], " ")
	thread, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
	if err != nil || thread < 0 {
		return traced{}, false
	}
	e.thread = thread
	e.local = traceAddr(values["saddrv6"], values["saddr"], values["sport"])
	e.remote = traceAddr(values["daddrv6"], values["daddr"], values["dport"])
	return e, true
}

// traceAddr prefers the IPv6 form, in which IPv4 is mapped.
func traceAddr(v6, v4, port string) netip.AddrPort {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}
	}
	for _, text := range []string{v6, v4} {
		if a, err := netip.ParseAddr(text); err == nil && !a.IsUnspecified() {
			return netip.AddrPortFrom(a.Unmap(), uint16(n))
		}
	}
	return netip.AddrPort{}
}
