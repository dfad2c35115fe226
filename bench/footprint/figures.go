package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// figures are the result.
type figures struct {
	Date         string  `json:"date"`
	Machine      string  `json:"machine"`
	Systems      int     `json:"systems"` // with a nanoprobe, the CMA's too
	BinaryBytes  int64   `json:"nanoprobe_binary_bytes"`
	Nanoprobe    usage   `json:"nanoprobe"`
	LLDPD        usage   `json:"lldpd"`
	RSSRatio     float64 `json:"nanoprobe_rss_per_lldpd"`
	CPURatio     float64 `json:"nanoprobe_cpu_per_lldpd"`
	CMARSSMB     float64 `json:"cma_rss_mb"`
	CMACPU       float64 `json:"cma_cpu_seconds_per_minute"`
	CompleteP50  float64 `json:"start_to_complete_graph_p50_seconds"`
	CompleteMax  float64 `json:"start_to_complete_graph_max_seconds"`
	Documents    int     `json:"documents"`
	QuietSeconds float64 `json:"cpu_measured_for_seconds"`
}

// usage is what several processes of one kind take.
type usage struct {
	Processes int     `json:"instances"`
	RSSP50MB  float64 `json:"rss_p50_mb"`
	RSSMaxMB  float64 `json:"rss_max_mb"`
	AnonP50MB float64 `json:"rss_anonymous_p50_mb"` // without pages of files, which all instances share
	CPUP50    float64 `json:"cpu_seconds_per_minute_p50"`
	CPUMax    float64 `json:"cpu_seconds_per_minute_max"`
}

// usageOf sums up instances over a time.
func usageOf(before, after []sample, over time.Duration) usage {
	u := usage{Processes: len(after)}
	var rss, anon, cpu []float64
	for i := range after {
		rss = append(rss, float64(after[i].rss)/1e6)
		anon = append(anon, float64(after[i].anon)/1e6)
		cpu = append(cpu, (after[i].cpu-before[i].cpu).Seconds()/over.Minutes())
	}
	u.RSSP50MB, u.RSSMaxMB = middleAndMost(rss)
	u.AnonP50MB, _ = middleAndMost(anon)
	u.CPUP50, u.CPUMax = middleAndMost(cpu)
	return u
}

func middleAndMost(list []float64) (p50, most float64) {
	if len(list) == 0 {
		return 0, 0
	}
	slices.Sort(list)
	return list[len(list)/2], list[len(list)-1]
}

func (f *figures) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %s; %d systems, %d documents, CPU over %.0f s\n\n", f.Date, f.Machine, f.Systems, f.Documents, f.QuietSeconds)
	fmt.Fprintln(w, "| what | nanoprobe | lldpd | ratio |")
	fmt.Fprintln(w, "|---|---|---|---|")
	fmt.Fprintf(w, "| instances | %d | %d | |\n", f.Nanoprobe.Processes, f.LLDPD.Processes)
	fmt.Fprintf(w, "| RSS p50 / max | %.1f / %.1f MB | %.1f / %.1f MB | %.2f |\n",
		f.Nanoprobe.RSSP50MB, f.Nanoprobe.RSSMaxMB, f.LLDPD.RSSP50MB, f.LLDPD.RSSMaxMB, f.RSSRatio)
	fmt.Fprintf(w, "| of it anonymous p50 | %.1f MB | %.1f MB | |\n", f.Nanoprobe.AnonP50MB, f.LLDPD.AnonP50MB)
	fmt.Fprintf(w, "| CPU seconds per minute p50 / max | %.3f / %.3f | %.3f / %.3f | %.2f |\n",
		f.Nanoprobe.CPUP50, f.Nanoprobe.CPUMax, f.LLDPD.CPUP50, f.LLDPD.CPUMax, f.CPURatio)
	fmt.Fprintf(w, "| program, stripped | %.2f MB | | |\n", float64(f.BinaryBytes)/1e6)
	fmt.Fprintf(w, "| start to complete graph p50 / max | %.1f / %.1f s | | |\n\n", f.CompleteP50, f.CompleteMax)
	fmt.Fprintf(w, "CMA: %.1f MB RSS, %.3f CPU seconds per minute\n", f.CMARSSMB, f.CMACPU)
}
