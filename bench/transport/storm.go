package main

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"assim/cma"
	"assim/graph"
	"assim/graph/embedded"
	"assim/netio"
	"assim/trust"
	"assim/wire"
)

// storm is what happened when everybody announced at once.
type storm struct {
	What          string  `json:"what"`
	Nanoprobes    int     `json:"nanoprobes"`
	Acknowledged  int     `json:"acknowledged"`
	AllAckedS     float64 `json:"all_acknowledged_s"`
	AnnouncesEach float64 `json:"announces_per_nanoprobe"`
	PacketsEach   float64 `json:"signals_per_nanoprobe"`
	AnnounceCPU   float64 `json:"cma_cpu_us_per_nanoprobe_until_acknowledged"`
	Beating       int     `json:"heartbeating"`
	AllBeatingS   float64 `json:"all_heartbeating_s"`
	CMACPUS       float64 `json:"cma_cpu_s"`
	CMARSSMB      float64 `json:"cma_rss_mb"`
	CMARSSBefore  float64 `json:"cma_rss_before_mb"`
	CrowdCPUS     float64 `json:"crowd_cpu_s"`
	Deaths        int     `json:"reported_silent"`
	LostAtCMA     int     `json:"lost_at_the_socket_of_the_cma"`
	LostAtCrowd   int     `json:"lost_at_the_socket_of_the_crowd"`
	StopS         float64 `json:"cma_stop_s,omitempty"`
	why
}

func (s *storm) print() {
	fmt.Printf("\nstorm of %d nanoprobes at a real cma: %s\n", s.Nanoprobes, s.What)
	fmt.Printf("  all acknowledged        %8.1f s   (%d)\n", s.AllAckedS, s.Acknowledged)
	fmt.Printf("  announces per nanoprobe %8.2f\n", s.AnnouncesEach)
	fmt.Printf("  cma cpu until then      %8.1f µs per nanoprobe\n", s.AnnounceCPU)
	fmt.Printf("  all heartbeating        %8.1f s   (%d)\n", s.AllBeatingS, s.Beating)
	fmt.Printf("  signals per nanoprobe   %8.2f     until then\n", s.PacketsEach)
	fmt.Printf("  neighbors reported silent %6d     none is\n", s.Deaths)
	fmt.Printf("  lost at full sockets    %8d     of the cma, %d of the crowd\n", s.LostAtCMA, s.LostAtCrowd)
	s.why.print()
	fmt.Printf("  cma cpu                 %8.1f s   crowd cpu %.1f s\n", s.CMACPUS, s.CrowdCPUS)
	fmt.Printf("  cma resident            %8.1f MB  before %.1f MB\n", s.CMARSSMB, s.CMARSSBefore)
	if s.StopS > 0 {
		fmt.Printf("  cma stopped after       %8.1f s\n", s.StopS)
	}
}

// weather is what is asked of a storm.
type weather struct {
	crowd    int  // nanoprobes that announce at once
	known    bool // to an earlier run of the cma
	die      int  // of them, afterwards
	program  string
	profile  string
	loss     float64 // percent of the CMA's signals that the crowd does not get
	patience time.Duration
}

func measureStorm(w weather) (all []storm, dead *deaths, err error) {
	n := w.crowd
	dir, err := os.MkdirTemp("", "bench-storm")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	udp, err := netio.Listen(netio.Options{ReadBuffer: crowdBuffer})
	if err != nil {
		return nil, nil, err
	}
	keys, ids, err := register(dir, n, w.known, udp.Port())
	if err != nil {
		return nil, nil, err
	}
	server, address, err := startCMA(dir, w.program, w.profile)
	if err != nil {
		return nil, nil, err
	}
	stopped := false
	defer func() {
		if !stopped {
			stop(server)
		}
	}()
	pid := server.Process.Pid
	before := resident(pid)
	c := newCrowd(udp, keys, ids, address)
	c.loss = w.loss
	defer c.close()
	first := "first announcement ever"
	if w.known {
		first = "power on, all known to an earlier run of the cma"
	}
	for i, what := range []string{first, "announced again, processes live", "power on again"} {
		s := storm{What: what, Nanoprobes: n, CMARSSBefore: before}
		running := wire.Session(i + 1)
		if i > 0 {
			calm(pid, c)
		}
		switch i {
		case 1:
			c.again(running)
		case 2:
			c.powerOn(keys, ids, running)
		}
		used, lostCMA, lostCrowd := cpuSeconds(pid), overflowed(address.Port()), overflowed(udp.Port())
		c.run(w.patience, pid, &s)
		s.LostAtCMA, s.LostAtCrowd = overflowed(address.Port())-lostCMA, overflowed(udp.Port())-lostCrowd
		s.CMARSSMB, s.CMACPUS = resident(pid), cpuSeconds(pid)-used
		all = append(all, s)
		if s.Beating < n {
			break // Out of patience: what is of interest now is how it stops.
		}
	}
	if w.die > 0 && all[len(all)-1].Beating == n {
		d := measureDeaths(c, keys, w.die, pid, wire.Session(len(all)+1))
		dead = &d
	}
	began := time.Now()
	stop(server)
	stopped = true
	all[len(all)-1].StopS = time.Since(began).Seconds()
	return all, dead, nil
}

// crowdBuffer is the kernel's buffer of the crowd's socket. A hundred thousand
// systems have as many buffers; their one must not lose what theirs would hold.
const crowdBuffer = 512 << 20

// overflowed returns how many datagrams the kernel dropped at the sockets of a
// UDP port, of this network namespace: proc(5), /proc/net/udp, column drops.
func overflowed(port uint16) (n int) {
	suffix := fmt.Sprintf(":%04X", port)
	for _, name := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		b, _ := os.ReadFile(name)
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) > 12 && strings.HasSuffix(f[1], suffix) {
				drops, _ := strconv.Atoi(f[len(f)-1])
				n += drops
			}
		}
	}
	return n
}

// calm lets everybody live until the server has done what the storm before left
// behind: rings are written when everybody is in.
func calm(pid int, c *crowd) {
	const idle, most = 0.02, 60 // CPU seconds in two seconds; times
	last := cpuSeconds(pid)
	for range most {
		c.live(2 * time.Second)
		now := cpuSeconds(pid)
		if now-last <= idle {
			return
		}
		last = now
	}
}

// gathering is a trust.KV that keeps what is put until it is stored at once:
// a hundred thousand transactions are not what is to be measured.
type gathering struct {
	forgetful
	records []graph.Record
}

func (g *gathering) Put(r ...graph.Record) error { g.records = append(g.records, r...); return nil }

// forgetful is a trust.KV that keeps nothing.
type forgetful struct{}

func (forgetful) Put(...graph.Record) error { return nil }

func (forgetful) Get(string, string) ([]byte, error) { return nil, graph.ErrNotFound }

func (forgetful) Walk(string) iter.Seq2[graph.Record, error] {
	return func(func(graph.Record, error) bool) {}
}

// register makes the CMA's keys, and members whom it knows: who they are, and if
// known where they sit in their rings.
func register(dir string, n int, known bool, port uint16) (*trust.CMAKeys, []wire.ID, error) {
	keys, _, err := trust.LoadCMAKeys(dir)
	if err != nil {
		return nil, nil, err
	}
	g := &gathering{}
	reg, err := trust.NewRegistry(g)
	if err != nil {
		return nil, nil, err
	}
	ids, err := enroll(reg, keys, n)
	if err != nil {
		return nil, nil, err
	}
	store, err := embedded.Open(filepath.Join(dir, "graph.db"), embedded.Options{})
	if err != nil {
		return nil, nil, err
	}
	changes := []graph.Change{{Source: "cma/registry", Keep: true, Records: g.records}}
	if known {
		rings := seated(ids, port, 0)
		for _, id := range ids {
			r, _ := rings.Record(id)
			changes = append(changes, cma.Seat(id, r, time.Now()))
		}
	}
	for chunk := range slices.Chunk(changes, 4096) {
		if _, err = store.Apply(context.Background(), chunk...); err != nil {
			break
		}
	}
	if closed := store.Close(); err == nil {
		err = closed
	}
	return keys, ids, err
}

func systemName(i int) string { return fmt.Sprintf("crowd%06d", i) }

// startCMA starts the real server on loopback, and builds it first if no program
// is given.
func startCMA(dir, bin, profile string) (*exec.Cmd, netip.AddrPort, error) {
	if bin == "" {
		bin = filepath.Join(dir, "cma")
		build := exec.Command("go", "build", "-o", bin, "./cmd/cma")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, netip.AddrPort{}, fmt.Errorf("building cma (run this from the top of the tree): %w", err)
		}
	}
	server := exec.Command(bin, "-data", dir, "-run", dir, "-listen", "127.0.0.1:0", "-profile", profile)
	log, err := os.Create(filepath.Join(dir, "cma.log"))
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	defer func() { _ = log.Close() }()
	server.Stderr = log
	if err := server.Start(); err != nil {
		return nil, netip.AddrPort{}, err
	}
	for range 600 {
		if b, err := os.ReadFile(filepath.Join(dir, "address")); err == nil {
			address, err := netip.ParseAddrPort(strings.TrimSpace(string(b)))
			if err == nil {
				return server, address, nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = server.Process.Kill()
	_ = server.Wait()
	text, _ := os.ReadFile(log.Name())
	return nil, netip.AddrPort{}, fmt.Errorf("the cma did not come up:\n%s", text)
}

// stop ends the server. One that is still busy after a while is killed: that
// is no part of what is measured.
func stop(server *exec.Cmd) {
	_ = server.Process.Signal(os.Interrupt)
	killer := time.AfterFunc(10*time.Second, func() { _ = server.Process.Kill() })
	defer killer.Stop()
	_ = server.Wait()
}

// resident returns the memory of a process in MB.
func resident(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}

// ticksPerSecond is the unit of /proc/PID/stat on every Linux of today.
const ticksPerSecond = 100

// cpuSeconds returns what a process has used.
func cpuSeconds(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticksPerSecond
}
