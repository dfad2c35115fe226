package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"assim/e2e/lab"
)

// window is the time over which CPU is taken.
const window = 10 * time.Second

// plan is a switch, a CMA, and the box with files of its own.
const plan = "switch sw1\ncma cma sw1\nsystem box sw1 root\n"

func measure(ctx context.Context, o options) (f figures, err error) {
	load, _ := os.ReadFile("/proc/loadavg")
	f = figures{Date: time.Now().Format(time.DateOnly), Sockets: o.sockets, Processes: o.processes, Files: o.files,
		Machine: fmt.Sprintf("%d CPUs, %s, load average %.4s at the start", runtime.NumCPU(), runtime.Version(), load)}
	p, err := lab.Parse(plan)
	if err != nil {
		return f, err
	}
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return f, err
	}
	self, err := os.Executable()
	if err != nil {
		return f, err
	}
	p.Share = append(p.Share, bin, filepath.Dir(self))
	l, err := lab.Up(ctx, p)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, l.Down()) }()
	say("filling the box")
	if err := stuff(ctx, l, self, o); err != nil {
		return f, err
	}
	in, err := l.Install(ctx, bin)
	if err != nil {
		return f, err
	}
	probe, err := in.StartProbe(ctx, "box", "-debug")
	if err != nil {
		return f, err
	}
	say("waiting %v for the first look at everything", o.warm)
	if err := wait(ctx, o.warm); err != nil {
		return f, err
	}
	if err := f.started(probe.PID); err != nil {
		return f, err
	}
	say("measuring for %v", o.measure)
	if err := f.watch(ctx, probe.PID, o.measure); err != nil {
		return f, err
	}
	f.looks(probe.Output())
	if o.log != "" {
		err = os.WriteFile(o.log, []byte(probe.Output()), 0o644)
	}
	return f, err
}

// stuff fills the box.
func stuff(ctx context.Context, l *lab.Lab, self string, o options) error {
	const holders = 50
	type filling struct {
		args []string
		ends bool
	}
	list := []filling{{[]string{"files", strconv.Itoa(o.files)}, true}, {[]string{"daemons", strconv.Itoa(o.processes - holders)}, true}}
	for i := range holders {
		list = append(list, filling{[]string{"sockets", strconv.Itoa(5001 + i), strconv.Itoa(o.sockets / holders)}, false})
	}
	if o.services > 0 {
		list = append(list, filling{[]string{"services", strconv.Itoa(o.services)}, false})
	}
	for _, f := range list {
		p, err := l.Start("box", append([]string{self, fillCommand}, f.args...)...)
		if err != nil {
			return err
		}
		err = lab.Until(ctx, strings.Join(f.args, " ")+" is ready", func() error {
			switch {
			case strings.Contains(p.Output(), "ready"):
				return nil
			case !p.Running():
				return fmt.Errorf("%w: %s", lab.ErrHopeless, p.Tail(5))
			}
			return errors.New("not yet")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// started notes what the first look took, and begins a new high-water mark.
func (f *figures) started(pid int) error {
	cpu, err := cpuOf(pid)
	if err != nil {
		return err
	}
	f.CPUStart = cpu.Seconds()
	if f.RSSStart, err = memoryOf(pid, "VmHWM:"); err != nil {
		return err
	}
	// 5 sets the mark to what is used now; see proc_pid_clear_refs(5).
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// watch samples memory every second and CPU in windows.
func (f *figures) watch(ctx context.Context, pid int, during time.Duration) error {
	var cpus, sizes, anons []float64
	begin, err := cpuOf(pid)
	if err != nil {
		return err
	}
	from := time.Now()
	before, at := begin, from
	for time.Since(from) < during {
		if err := wait(ctx, time.Second); err != nil {
			return err
		}
		size, err := memoryOf(pid, "VmRSS:")
		if err != nil {
			return err
		}
		anon, err := memoryOf(pid, "RssAnon:")
		if err != nil {
			return err
		}
		sizes, anons = append(sizes, size), append(anons, anon)
		if passed := time.Since(at); passed >= window {
			cpu, err := cpuOf(pid)
			if err != nil {
				return err
			}
			cpus = append(cpus, 100*(cpu-before).Seconds()/passed.Seconds())
			before, at = cpu, time.Now()
		}
	}
	f.CPUAll = 100 * (before - begin).Seconds() / at.Sub(from).Seconds()
	f.Windows, f.CPUEach = len(cpus), cpus
	f.CPUP50, f.CPUP95, f.CPUMax = part(cpus, 50), part(cpus, 95), part(cpus, 100)
	f.RSSAfter, f.RSSP95 = part(sizes, 50), part(sizes, 95)
	f.AnonP50 = part(anons, 50)
	f.RSSPeak, err = memoryOf(pid, "VmHWM:")
	return err
}

// part is the smallest value that so many percent do not exceed.
func part(list []float64, percent int) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

// cpuOf is the CPU time of a process, from /proc/PID/stat.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	const user, system, tick = 11, 12, time.Second / 100 // fields after the name
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat: %q is not understood", pid, text)
	}
	u, err1 := strconv.ParseInt(fields[user], 10, 64)
	s, err2 := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * tick, errors.Join(err1, err2)
}

// memoryOf is a line of /proc/PID/status, in MB.
func memoryOf(pid int, line string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, line)
}

// look is what looks of one type took.
type look struct {
	Type  string  `json:"type"`
	Ms    float64 `json:"cpu_ms"` // of the costliest
	Times int     `json:"times"`
	Bytes int     `json:"bytes"` // of its newest document
}

// lookLine is what a nanoprobe with -debug says after a look.
var lookLine = regexp.MustCompile(`msg=looked type=(\S+) cpu=(\S+) bytes=(\d+)`)

func (f *figures) looks(log string) {
	byType := map[string]*look{}
	for _, m := range lookLine.FindAllStringSubmatch(log, -1) {
		cost, err := time.ParseDuration(m[2])
		if err != nil {
			continue
		}
		l := byType[m[1]]
		if l == nil {
			l = &look{Type: m[1]}
			byType[m[1]] = l
		}
		l.Times++
		l.Ms = max(l.Ms, float64(cost)/1e6)
		l.Bytes, _ = strconv.Atoi(m[3])
	}
	for _, l := range byType {
		f.Everything = append(f.Everything, *l)
	}
	slices.SortFunc(f.Everything, func(a, b look) int { return cmp.Or(cmp.Compare(b.Ms, a.Ms), cmp.Compare(a.Type, b.Type)) })
	if len(f.Everything) > 0 {
		f.SlowestIs, f.SlowestMs = f.Everything[0].Type, f.Everything[0].Ms
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
