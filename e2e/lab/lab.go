package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Lab is a running installation. Its methods may be called from several
// goroutines.
type Lab struct {
	// Dir holds the lab's files on this machine: log/ has what every program
	// printed. It goes with Down.
	Dir string

	lock *os.File // held while this lab lives; see sweep
	seq  int      // number of logs, so that names differ

	mu       sync.Mutex // guards what follows
	plan     Plan
	systems  map[string]*system
	switches map[string]*swtch
	order    []string // systems in order of their numbers
	procs    []*Process
	loss     map[string]float64 // system → percent
	groups   [][]string         // of a partition
}

// system is a running System.
type system struct {
	System
	number int // from 1; addresses are derived from it
	cell   *cell
	nics   []NIC
	gone   bool
}

// swtch is a running Switch; "switch" is Go's own word.
type swtch struct {
	Switch
	number int // from 1
	cell   *cell
	lldpd  *Process
	silent []Silence
}

// ErrMissing is wrapped by Up when this machine cannot hold a lab.
var ErrMissing = errors.New("this machine cannot hold a lab")

// programs are what a lab runs, with the Debian package that has it.
var programs = []struct{ name, pkg string }{
	{"tini", "tini"}, {"ip", "iproute2"}, {"nft", "nftables"}, {"lldpd", "lldpd"}, {"ping", "iputils-ping"},
}

// Possible says what this machine lacks for a lab, wrapped in ErrMissing.
func Possible() error {
	if os.Getuid() != 0 {
		return fmt.Errorf("%w: network namespaces need root", ErrMissing)
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p.name); err != nil {
			return fmt.Errorf("%w: %s is not here; run make setup-test, or apt-get install %s", ErrMissing, p.name, p.pkg)
		}
	}
	return nil
}

// Up builds the lab that the plan describes. The caller takes it Down.
func Up(ctx context.Context, plan Plan) (*Lab, error) {
	if err := Possible(); err != nil {
		return nil, err
	}
	plan = plan.copy()
	if err := plan.Settle(); err != nil {
		return nil, err
	}
	l := &Lab{plan: plan, systems: map[string]*system{}, switches: map[string]*swtch{}, loss: map[string]float64{}}
	if err := l.claimDir(); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{l.buildCells, l.wire, l.startSwitches} {
		err := ctx.Err()
		if err == nil {
			err = step(ctx)
		}
		if err != nil {
			return nil, errors.Join(err, l.Down())
		}
	}
	return l, nil
}

// Down ends everything in the lab and removes its files.
func (l *Lab) Down() error {
	l.mu.Lock()
	var cells []*cell
	for _, s := range l.systems {
		cells = append(cells, s.cell)
	}
	for _, s := range l.switches {
		cells = append(cells, s.cell)
	}
	l.systems, l.switches = map[string]*system{}, map[string]*swtch{}
	procs := l.procs
	l.mu.Unlock()
	each(cells, func(c *cell) error {
		if c != nil {
			c.close()
		}
		return nil
	})
	for _, p := range procs {
		<-p.done
	}
	err := os.RemoveAll(l.Dir)
	l.lock.Close()
	return err
}

// labPrefix begins the names of the labs' folders.
const labPrefix = "assim-lab-"

// claimDir makes the lab's folder, and sweeps those of labs whose owner died.
func (l *Lab) claimDir() error {
	sweep()
	dir, err := os.MkdirTemp("", labPrefix)
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	l.Dir = dir
	if err := os.Chmod(dir, 0o755); err != nil { // services run as other users
		return fmt.Errorf("lab: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "log"), 0o755); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	if l.lock, err = os.Create(filepath.Join(dir, "lock")); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return unix.Flock(int(l.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// sweep removes the folders of labs whose owner is gone. The kernel has removed
// all else. An owner holds a lock for as long as it lives, whatever becomes of
// its process number.
func sweep() {
	locks, _ := filepath.Glob(filepath.Join(os.TempDir(), labPrefix+"*", "lock"))
	for _, name := range locks {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		info, err := f.Stat()
		// A lab that has just been made may not have locked yet.
		settled := err == nil && time.Since(info.ModTime()) > time.Second
		if settled && unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.RemoveAll(filepath.Dir(name))
		}
		f.Close()
	}
}

// atOnce is how many cells are worked on at the same time.
const atOnce = 4

// each calls f for all of list, some at the same time, and joins the errors.
func each[T any](list []T, f func(T) error) error {
	errs := make([]error, len(list))
	var wait sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, x := range list {
		slots <- struct{}{}
		wait.Go(func() {
			errs[i] = f(x)
			<-slots
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// buildCells starts process 1 of everything and gives it its files.
func (l *Lab) buildCells(context.Context) error {
	for i, s := range l.plan.Switches {
		l.switches[s.Name] = &swtch{Switch: s, number: i + 1}
	}
	for _, s := range l.plan.Systems {
		l.number(s)
	}
	var build []func() error
	for _, s := range l.switches {
		build = append(build, func() (err error) {
			s.cell, err = l.cellFor(s.Name, false)
			return err
		})
	}
	for _, s := range l.systems {
		build = append(build, func() (err error) {
			s.cell, err = l.cellFor(s.Name, s.Root)
			return err
		})
	}
	return each(build, func(f func() error) error { return f() })
}

// number gives a system its number, always the same one, and with it its
// addresses.
func (l *Lab) number(s System) *system {
	i := slices.Index(l.order, s.Name)
	if i < 0 {
		i = len(l.order)
		l.order = append(l.order, s.Name)
	}
	n := &system{System: s, number: i + 1}
	for i := range s.Cables {
		n.nics = append(n.nics, l.plan.nic(s, n.number, i))
	}
	l.systems[s.Name] = n
	return n
}

// cellFor makes a cell with its own files. The cell is returned even with an
// error, so that it can be closed.
func (l *Lab) cellFor(name string, root bool) (*cell, error) {
	scratch := filepath.Join(l.Dir, "cell", name)
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	c, err := newCell(name)
	if err != nil {
		return nil, err
	}
	return c, c.furnish(scratch, root, l.shared(), map[string]string{
		"hostname":   name + "\n",
		"hosts":      l.hosts(name),
		"machine-id": machineID(l.Dir, name) + "\n",
	})
}

// shared lists what systems with their own root see as it is here.
func (l *Lab) shared() []string {
	list := append([]string{os.TempDir()}, l.plan.Share...)
	if wd, err := os.Getwd(); err == nil {
		list = append(list, moduleRoot(wd))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// moduleRoot is the folder at or above dir that has the go.mod.
func moduleRoot(dir string) string {
	for up := dir; up != "/"; up = filepath.Dir(up) {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			return up
		}
	}
	return dir
}

// hosts is the /etc/hosts of a system: everybody by name.
func (l *Lab) hosts(me string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "127.0.0.1 localhost\n::1 localhost ip6-localhost\nff02::1 ip6-allnodes\n127.0.1.1 %s.lab %s\n", me, me)
	for _, name := range l.order {
		for i, n := range l.systems[name].nics {
			if i == 0 {
				fmt.Fprintf(&b, "%s %s.lab %s\n%s %s.lab %s\n", n.Addr.Addr(), name, name, n.Addr6.Addr(), name, name)
			}
		}
	}
	return b.String()
}

// machineID is stable within a lab and differs between labs.
func machineID(dir, name string) string {
	h := uint64(14695981039346656037) // FNV-1a, twice
	var out strings.Builder
	for _, salt := range []string{"a", "b"} {
		for _, c := range []byte(salt + filepath.Base(dir) + "/" + name) {
			h = (h ^ uint64(c)) * 1099511628211
		}
		fmt.Fprintf(&out, "%016x", h)
	}
	return out.String()
}

// Systems lists the systems that are there, in order of the plan.
func (l *Lab) Systems() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for _, name := range l.order {
		if s := l.systems[name]; s != nil && !s.gone {
			list = append(list, name)
		}
	}
	return list
}

// CMA is the name of the system marked as the CMA's, or "".
func (l *Lab) CMA() string {
	for _, s := range l.plan.Systems {
		if s.CMA {
			return s.Name
		}
	}
	return ""
}

// Plan is what was built, with every port filled in.
func (l *Lab) Plan() Plan {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.plan.copy()
}

// NICs returns the network cards of a system; none if there is no such system.
func (l *Lab) NICs(name string) []NIC {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.systems[name]; s != nil {
		return slices.Clone(s.nics)
	}
	return nil
}

// Addr is the first IPv4 address of a system.
func (l *Lab) Addr(name string) netip.Addr {
	if nics := l.NICs(name); len(nics) > 0 {
		return nics[0].Addr.Addr()
	}
	return netip.Addr{}
}

// Addr6 is the first IPv6 address of a system.
func (l *Lab) Addr6(name string) netip.Addr {
	if nics := l.NICs(name); len(nics) > 0 {
		return nics[0].Addr6.Addr()
	}
	return netip.Addr{}
}

// SwitchAddr is the management address that a switch tells in LLDP.
func (l *Lab) SwitchAddr(name string) netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.switches[name]; s != nil {
		return s.addr().Addr()
	}
	return netip.Addr{}
}

// Inside runs f on a thread in the network, files and host name of a system or
// switch. Sockets it opens stay there; goroutines it starts are outside.
func (l *Lab) Inside(name string, f func() error) error {
	c, err := l.cell(name)
	if err != nil {
		return err
	}
	return c.enter(allNamespaces, f)
}

// Run runs a command in a system or switch to its end and returns what it
// printed.
func (l *Lab) Run(ctx context.Context, name string, args ...string) ([]byte, error) {
	c, err := l.cell(name)
	if err != nil {
		return nil, err
	}
	return c.runContext(ctx, args...)
}

// PID is the process number, on this machine, of a cell's process 1: for
// nsenter.
func (l *Lab) PID(name string) int {
	if c, err := l.cell(name); err == nil {
		return c.pid()
	}
	return 0
}

func (l *Lab) cell(name string) (*cell, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cellLocked(name)
}

func (l *Lab) cellLocked(name string) (*cell, error) {
	if s := l.systems[name]; s != nil && s.cell != nil && !s.gone {
		return s.cell, nil
	}
	if s := l.switches[name]; s != nil && s.cell != nil {
		return s.cell, nil
	}
	return nil, fmt.Errorf("lab: there is no system or switch %s (any more)", name)
}
