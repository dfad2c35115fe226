package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is what a run came to.
type Result struct {
	Name           string  `json:"name"`
	Seed           uint64  `json:"seed"`
	Systems        int     `json:"systems"`
	VirtualSeconds float64 `json:"virtual_seconds"`
	Faults         int     `json:"faults"`
	IncidentsRight int     `json:"incidents_right"`
	IncidentsWrong int     `json:"incidents_wrong"`
	FalseDeaths    int     `json:"false_deaths"`
	// Detection is the time from a fault to the first news that name it.
	DetectionP50 float64 `json:"detection_p50_ms"`
	DetectionP99 float64 `json:"detection_p99_ms"`
	DetectionMax float64 `json:"detection_max_ms"`
	// Incident is the time from a fault to its incident.
	IncidentP50 float64 `json:"incident_p50_ms"`
	IncidentMax float64 `json:"incident_max_ms"`
	Packets     float64 `json:"packets_per_system_per_second"`
	CMAPackets  uint64  `json:"cma_packets"` // to and from it
	CMAIn       uint64  `json:"cma_packets_in"`
	CMAOrders   uint64  `json:"cma_packets_orders"` // of those from it: desired states
	WallSeconds float64 `json:"wall_seconds"`
	MaxRSS      uint64  `json:"max_rss_bytes"`

	Notes       []string `json:"notes,omitempty"`
	Differences []string `json:"differences,omitempty"` // between news and script
	Broken      []string `json:"broken,omitempty"`      // invariants
}

// OK says whether everything came as it should.
func (r *Result) OK() bool { return len(r.Differences)+len(r.Broken) == 0 }

// result sums a run up.
func (s *Sim) result(name string, began func() time.Duration) *Result {
	c := s.count()
	seconds := (time.Duration(c.q-s.base.q) * quantum).Seconds()
	r := &Result{Name: name, Seed: s.opt.Seed, Systems: len(s.agents), VirtualSeconds: s.at().Seconds(), Faults: len(s.faults),
		IncidentsRight: s.watch.right, IncidentsWrong: s.watch.wrong, FalseDeaths: s.watch.falseDeaths,
		Packets:    float64(c.sent-s.base.sent) / float64(len(s.agents)) / max(seconds, 0.001),
		CMAPackets: c.in - s.base.in + c.out - s.base.out, CMAIn: c.in - s.base.in, CMAOrders: s.cma.ordered - s.base.ordered,
		WallSeconds: began().Seconds(), MaxRSS: maxRSS(), Broken: s.watch.broken}
	var named, answered []time.Duration
	for _, f := range s.faults {
		if f.named > 0 {
			named = append(named, f.named-f.at)
		}
		if f.answered > 0 {
			answered = append(answered, f.answered-f.at)
		}
	}
	r.DetectionP50, r.DetectionP99, r.DetectionMax = quantile(named, 0.5), quantile(named, 0.99), quantile(named, 1)
	r.IncidentP50, r.IncidentMax = quantile(answered, 0.5), quantile(answered, 1)
	return r
}

// quantile returns milliseconds.
func quantile(list []time.Duration, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return float64(list[int(float64(len(list)-1)*q+0.5)].Microseconds()) / 1000
}

// WriteJSON prints the result as one object.
func (r *Result) WriteJSON(w io.Writer) error {
	return json.NewEncoder(w).Encode(r)
}

// WriteTable prints the result for people.
func (r *Result) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	row("run", "%s, seed %d", r.Name, r.Seed)
	row("systems", "%d for %.0f virtual seconds", r.Systems, r.VirtualSeconds)
	row("faults", "%d: %d incidents right, %d wrong, %d false deaths", r.Faults, r.IncidentsRight, r.IncidentsWrong, r.FalseDeaths)
	row("detection", "p50 %.0f ms, p99 %.0f ms, max %.0f ms to the first news; incident p50 %.0f ms, max %.0f ms", r.DetectionP50, r.DetectionP99, r.DetectionMax, r.IncidentP50, r.IncidentMax)
	row("packets", "%.3f per system per second", r.Packets)
	row("at the CMA", "%d packets, %d of them to it, %d orders from it", r.CMAPackets, r.CMAIn, r.CMAOrders)
	row("cost", "%.1f s of wall time, %d MB", r.WallSeconds, r.MaxRSS>>20)
	for _, n := range r.Notes {
		row("note", "%s", n)
	}
	for _, d := range r.Differences {
		row("NEWS", "%s", d)
	}
	for _, b := range r.Broken {
		row("BROKEN", "%s", b)
	}
	if r.OK() {
		row("result", "everything as it should be")
	}
	return t.Flush()
}

// maxRSS is the peak memory of this process, where the kernel tells.
func maxRSS() uint64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb uint64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	return 0
}

// stopwatch tells the wall time since now.
func stopwatch() func() time.Duration {
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}
