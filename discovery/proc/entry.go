package proc

import (
	"bytes"
	"context"
	"io/fs"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"assim/discovery"
)

// Limits of what is read of one process. A process may write what it likes
// into its own title.
const (
	maxStat    = 4 << 10
	maxStatus  = 16 << 10
	maxCmdline = 64 << 10
	maxArgs    = 64  // arguments kept; a Java class path alone may be one of thousands
	maxArg     = 512 // bytes kept of one argument
	maxName    = 256 // bytes kept of a name or path
	maxPIDs    = 1 << 17
)

// entry is one process as /proc shows it.
type entry struct {
	pid, ppid int
	tty       int
	start     uint64 // clock ticks after boot
	comm      string
	args      []string
	exe, cwd  string
	uid       uint32
	netns     string // "net:[4026531840]", empty when not permitted to know
	pidns     string
	place     place
	kernel    bool // a kernel thread
	ended     bool // it is gone
}

// table reads processes once each, and only those somebody asks for: a look at
// the sockets of a busy machine needs a few of its processes, not all.
type table struct {
	host    discovery.Host
	root    fs.FS
	entries map[int]*entry // nil value: it vanished
	users   map[uint32]string

	containers map[string]Container // by what the kernel calls them
	kept       map[int]*entry       // of an earlier look
	ended      []*discovery.Ended   // those that are gone; -1 is the first's number here
	cgroups    map[string]string    // see inContainer
	listed     []int                // see pids
	words      map[string]string    // see same
	buf        []byte               // see text
}

func newTable(h discovery.Host) *table {
	return &table{host: h, root: h.Root(), entries: map[int]*entry{}, containers: map[string]Container{}}
}

// get returns a process, or nil when it has vanished.
func (t *table) get(pid int) *entry {
	if e, ok := t.entries[pid]; ok {
		return e
	}
	e := t.read(pid)
	t.entries[pid] = e
	return e
}

func (t *table) read(pid int) *entry {
	if pid < 0 {
		return t.past(t.ended[-pid-1])
	}
	dir := "proc/" + strconv.Itoa(pid) + "/"
	st, ok := parseStat(t.text(dir+"stat", maxStat))
	if !ok || st.pid != pid {
		return nil
	}
	if k := t.kept[pid]; k != nil && k.start == st.start && (k.comm == string(st.comm) || k.comm == printable(string(st.comm), maxName)) {
		k.ppid, k.tty = st.ppid, st.tty
		return k
	}
	e := st.entry()
	var err error
	said := discovery.Ended{Cmdline: readSome(t.root, dir+"cmdline", maxCmdline),
		Status: readSome(t.root, dir+"status", maxStatus), Cgroup: readSome(t.root, dir+"cgroup", maxCgroup)}
	said.Exe, err = t.host.ReadLink(dir + "exe")
	said.Cwd, _ = t.host.ReadLink(dir + "cwd")
	said.Netns, _ = t.host.ReadLink(dir + "ns/net")
	said.Pidns, _ = t.host.ReadLink(dir + "ns/pid")
	t.describe(&e, &said)
	e.kernel = err != nil && len(e.args) == 0
	return &e
}

// past is a process that is gone, as it was.
func (t *table) past(said *discovery.Ended) *entry {
	st, ok := parseStat([]byte(said.Stat))
	if !ok || st.pid != said.PID {
		return nil
	}
	e := st.entry()
	t.describe(&e, said)
	e.ended = true
	return &e
}

// describe takes in what the files of a process say beside its state.
func (t *table) describe(e *entry, said *discovery.Ended) {
	e.args = parseCmdline(said.Cmdline)
	if !strings.HasPrefix(said.Exe, "/memfd:") { // a program without a file, under a name of the moment
		e.exe = printable(strings.TrimSuffix(said.Exe, " (deleted)"), maxName)
	}
	if said.Cwd != "/" {
		e.cwd = printable(strings.TrimSuffix(said.Cwd, " (deleted)"), maxName)
	}
	e.uid = parseUID(said.Status)
	if e.place = parseCgroup(said.Cgroup); e.place.container != "" {
		e.place.container = t.container(e.place.container).Name
	}
	e.netns, e.pidns = said.Netns, said.Pidns
	for _, word := range []*string{&e.comm, &e.exe, &e.cwd, &e.netns, &e.pidns, &e.place.unit, &e.place.container} {
		*word = t.same(*word)
	}
	for i := range e.args {
		e.args[i] = t.same(e.args[i])
	}
}

// same returns a word as it was said before in this look: the two thousand
// processes of a machine are of a few programs, in fewer namespaces. It is a copy
// of what may be a piece of something longer.
func (t *table) same(word string) string {
	if said, ok := t.words[word]; ok {
		return said
	}
	if t.words == nil {
		t.words = map[string]string{}
	}
	word = strings.Clone(word)
	t.words[word] = word
	return word
}

// stat is what proc_pid_stat(5) says, in place.
type stat struct {
	pid, ppid, tty int
	start          uint64
	comm           []byte
}

// parseStat reads /proc/PID/stat. The name in parentheses is the program's own
// choice and may hold blanks and parentheses itself, so the last one ends it.
func parseStat(text []byte) (st stat, ok bool) {
	open, shut := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || shut < open {
		return stat{}, false
	}
	st.comm = text[open+1 : shut]
	st.pid = int(number(bytes.TrimSpace(text[:open])))
	const ppid, tty, start = 1, 4, 19 // counted from the state, which is field 3
	n := 0
	for field := range bytes.FieldsSeq(text[shut+1:]) {
		switch n {
		case ppid:
			st.ppid = int(number(field))
		case tty:
			st.tty = int(number(field))
		case start:
			st.start = number(field)
			return st, st.pid > 0
		}
		n++
	}
	return stat{}, false
}

// number reads decimal digits; 0 stands for what is none, and for more than fits.
func number(digits []byte) uint64 {
	var n uint64
	for _, c := range digits {
		if c < '0' || c > '9' || n > math.MaxInt64/10-1 {
			return 0
		}
		n = 10*n + uint64(c-'0')
	}
	return n
}

func (st stat) entry() entry {
	return entry{pid: st.pid, ppid: st.ppid, tty: st.tty, start: st.start, comm: printable(string(st.comm), maxName)}
}

// parseCmdline splits the zero-separated arguments and cuts and cleans each.
// Daemons that write a title pad the rest with zeros or blanks.
func parseCmdline(text string) []string {
	text = strings.TrimRight(text, "\x00 ")
	if text == "" {
		return nil
	}
	var args []string
	for a := range strings.SplitSeq(text, "\x00") {
		if len(args) == maxArgs {
			break
		}
		args = append(args, printable(a, maxArg))
	}
	if len(args) > 0 && strings.HasPrefix(args[0], "sshd: ") {
		args[0] = sshdStartups.ReplaceAllString(args[0], "$1")
	}
	return args
}

// sshdStartups is how many logins sshd waits for just now, which it keeps in its
// title: "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups".
var sshdStartups = regexp.MustCompile(`^(sshd: .*\[listener\]) \d+ of \d+-\d+ startups$`)

// parseUID returns the effective user of /proc/PID/status.
func parseUID(text string) uint32 {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, "Uid:")
		if f := strings.Fields(rest); ok && len(f) >= 2 {
			uid, _ := strconv.ParseUint(f[1], 10, 32)
			return uint32(uid)
		}
	}
	return 0
}

// printable makes a string from outside fit for a terminal and a document:
// valid UTF-8, no control characters, at most limit bytes.
func printable(s string, limit int) string {
	clean := len(s) <= limit && utf8.ValidString(s)
	if clean {
		clean = strings.IndexFunc(s, unfit) < 0
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unfit(r) {
			r = utf8.RuneError
		}
		if b.Len()+utf8.RuneLen(r) > limit {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unfit(r rune) bool { return !unicode.IsPrint(r) && r != ' ' }

const maxPasswd = 4 << 20

// user names a uid from etc/passwd, or gives its number. A container has a
// passwd of its own, so there only root has a name.
func (t *table) user(e *entry) string {
	if t.users == nil {
		t.users = parsePasswd(readSome(t.root, "etc/passwd", maxPasswd))
	}
	name, ok := t.users[e.uid]
	switch {
	case e.uid == 0:
		return "root"
	case ok && e.place.container == "":
		return name
	}
	return strconv.FormatUint(uint64(e.uid), 10)
}

func parsePasswd(text string) map[uint32]string {
	users := map[uint32]string{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(line, ":", 4)
		if len(f) < 4 {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if _, taken := users[uint32(uid)]; err == nil && !taken && f[0] != "" {
			users[uint32(uid)] = printable(f[0], maxName)
		}
	}
	return users
}

// uptime reads how long the machine has been up, in hundredths of a second:
// the clock of collectors, for they take no other.
func uptime(root fs.FS) (hundredths uint64, ok bool) {
	field, _, _ := strings.Cut(readSome(root, "proc/uptime", 128), " ")
	seconds, err := strconv.ParseFloat(field, 64)
	if err != nil || seconds < 0 || seconds > 1e10 {
		return 0, false
	}
	return uint64(seconds * 100), true
}

// base is path.Base, but empty for the empty path.
func base(p string) string {
	if p == "" {
		return ""
	}
	return path.Base(p)
}

// BootTime reads when the machine booted, in seconds since 1970; 0 = unknown.
// It moves by a second now and then as the clock is disciplined.
func BootTime(root fs.FS) int64 {
	for line := range strings.Lines(readSome(root, "proc/stat", maxProcStat)) {
		if rest, ok := strings.CutPrefix(line, "btime "); ok {
			t, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return t
		}
	}
	return 0
}

const maxProcStat = 1 << 20 // a line per processor comes before the boot time

// maxLongLine is the most read of a command line as a whole: a virtual machine
// with many disks has some 20 kB.
const maxLongLine = 256 << 10

// CommandLines returns the whole, unmasked arguments of the processes whose
// (short) name is wanted, for types that read facts from them. They are not to
// be put into a document as they are.
func CommandLines(ctx context.Context, h discovery.Host, wanted func(name string) bool) ([][]string, error) {
	if !h.Live() {
		return nil, discovery.ErrNotHere
	}
	t := newTable(h)
	pids, err := t.pids()
	if err != nil {
		return nil, err
	}
	var list [][]string
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		dir := "proc/" + strconv.Itoa(pid) + "/"
		if st, ok := parseStat(t.text(dir+"stat", maxStat)); ok && wanted(printable(string(st.comm), maxName)) {
			text := strings.TrimRight(readSome(t.root, dir+"cmdline", maxLongLine), "\x00")
			args := strings.Split(text, "\x00")
			for i := range args {
				args[i] = printable(args[i], maxLongLine)
			}
			list = append(list, args)
		}
	}
	return list, nil
}
