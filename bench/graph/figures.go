package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// figures are what one engine shows at one size. Rates are systems per second
// of wall clock; those named CPU are per second of processor time, all threads
// together.
type figures struct {
	server int // the process whose processor time counts, too; 0 = none

	Engine         string  `json:"engine"`
	Systems        int     `json:"systems"`
	OneByOne       float64 `json:"one_by_one_per_s"`
	OneByOneCPU    float64 `json:"one_by_one_per_cpu_s"`
	Grouped        float64 `json:"grouped_per_s"`
	GroupedCPU     float64 `json:"grouped_per_cpu_s"`
	Unchanged      float64 `json:"unchanged_per_s,omitempty"`
	UnchangedCPU   float64 `json:"unchanged_per_cpu_s,omitempty"`
	LookupMicros   float64 `json:"lookup_ip_p50_us"`
	LookupP99      float64 `json:"lookup_ip_p99_us"`
	HopsMillis     float64 `json:"three_hops_cypher_p50_ms,omitempty"`
	HopsP99        float64 `json:"three_hops_cypher_p99_ms,omitempty"`
	HopsAPIMicros  float64 `json:"three_hops_reader_p50_us"`
	DiskMB         float64 `json:"disk_mb"`
	PeakRSSMB      float64 `json:"peak_rss_mb"`
	OpenMillis     float64 `json:"open_ms"`
	OneByOneSample int     `json:"one_by_one_sample"`
}

func printHeader() {
	fmt.Println("engine     systems  first 1x1 /s  (/cpu s)  grouped /s  (/cpu s)  unchanged /s  (/cpu s)  lookup us (p99)  3 hops cypher ms (p99)  reader us  disk MB  peak RSS MB  open ms")
}

func (f figures) print() {
	fmt.Printf("%-9s %8d %13.0f %9.0f %11.0f %9.0f %13.0f %9.0f %10.1f %6.1f %14.3f %8.3f %10.1f %8.1f %12.1f %8.1f\n",
		f.Engine, f.Systems, f.OneByOne, f.OneByOneCPU, f.Grouped, f.GroupedCPU, f.Unchanged, f.UnchangedCPU,
		f.LookupMicros, f.LookupP99, f.HopsMillis, f.HopsP99, f.HopsAPIMicros, f.DiskMB, f.PeakRSSMB, f.OpenMillis)
}

// processorTime is what all threads of this process have used, and of the
// server, if it is known which that is.
func (f *figures) processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano()+u.Stime.Nano()) + serverTime(f.server)
}

// serverTime is the processor time of another process, in the kernel's steps of
// a hundredth of a second.
func serverTime(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	const user, system = 11, 12 // after the name, which may have spaces and ends with ")"
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks [2]int64
	for i, at := range []int{user, system} {
		ticks[i], _ = strconv.ParseInt(fields[at], 10, 64)
	}
	return time.Duration(ticks[0]+ticks[1]) * 10 * time.Millisecond
}

// percentiles runs f n times and returns the median and the 99th percentile.
func percentiles(n int, f func(i int) error) (p50, p99 time.Duration, err error) {
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		if err := f(i); err != nil {
			return 0, 0, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[n/2], took[n*99/100], nil
}

// peakRSS returns the most memory this process ever had, in megabytes.
func peakRSS() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(status), "\n") {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}

// diskMB returns how much the files beginning with path take.
func diskMB(path string) float64 {
	var total int64
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + suffix); err == nil {
			total += info.Size()
		}
	}
	return float64(total) / (1 << 20)
}
