// Command discovery measures what discovery costs on a box that is full: a
// system with 20,000 sockets, 2,000 processes and 100,000 files in the
// directories that discovery looks at, every type on, a real nanoprobe and a
// real CMA. It needs root, and fails when a limit is broken.
//
//	make discovery-cost                       about seven minutes
//	make discovery-cost ARGS="-measure 2m -json"
//	make discovery-cost ARGS="-services 1"    where something happens every second
//
// The box is a system of a lab (see e2e/lab). Its sockets are connections
// within the box, held by 50 processes that do nothing else; its processes are
// daemons and their children; its files are those of directories that several
// types read. CPU time is the kernel's (/proc/PID/stat), taken in windows of ten
// seconds; memory is RSS, its peak the kernel's high-water mark.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	sockets, processes, files int
	services                  int
	warm, measure             time.Duration
	bin                       string
	json                      bool
	log                       string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == fillCommand {
		fill(os.Args[2:])
		return
	}
	var o options
	flag.IntVar(&o.sockets, "sockets", 20_000, "sockets of the box")
	flag.IntVar(&o.processes, "processes", 2_000, "processes of the box")
	flag.IntVar(&o.files, "files", 100_000, "files in directories that are looked at")
	flag.IntVar(&o.services, "services", 0, "how many services a second come, listen for 0.7 s, and go again")
	flag.DurationVar(&o.warm, "warm", 90*time.Second, "how long to wait until everything was looked at once")
	flag.DurationVar(&o.measure, "measure", 5*time.Minute, "how long to measure")
	flag.StringVar(&o.bin, "bin", "bin", "folder with cma, nanoprobe and assim, as make build leaves them")
	flag.BoolVar(&o.json, "json", false, "print one JSON object")
	flag.StringVar(&o.log, "log", "", "file for what the nanoprobe says of its looks")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	f, err := measure(ctx, o)
	if err == nil {
		err = f.say(o.json)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "discovery:", err)
		os.Exit(1)
	}
}

// What is wanted of a nanoprobe on such a box.
const (
	maxCPU    = 2.0  // percent of a processor, p95 over windows
	maxDuring = 20.0 // MB of RSS at any moment
	maxAfter  = 12.0 // MB of RSS between looks
)

// figures are the result.
type figures struct {
	Date       string    `json:"date"`
	Machine    string    `json:"machine"`
	Sockets    int       `json:"sockets"`
	Processes  int       `json:"processes"`
	Files      int       `json:"files"`
	Windows    int       `json:"windows"`
	CPUP50     float64   `json:"cpu_percent_p50"`
	CPUP95     float64   `json:"cpu_percent_p95"`
	CPUMax     float64   `json:"cpu_percent_max"`
	CPUAll     float64   `json:"cpu_percent_all"`
	CPUEach    []float64 `json:"cpu_percent_windows"` // in their order
	CPUStart   float64   `json:"cpu_seconds_of_the_start"`
	RSSStart   float64   `json:"rss_peak_mb_of_the_start"`
	RSSPeak    float64   `json:"rss_peak_mb"`
	RSSAfter   float64   `json:"rss_p50_mb"`
	RSSP95     float64   `json:"rss_p95_mb"`
	AnonP50    float64   `json:"rss_anonymous_p50_mb"` // without pages of files
	SlowestMs  float64   `json:"costliest_look_ms"`
	SlowestIs  string    `json:"costliest_look"`
	Everything []look    `json:"looks"`
}

func (f *figures) say(asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(f); err != nil {
			return err
		}
	} else {
		f.print()
	}
	switch {
	case f.CPUP95 > maxCPU:
		return fmt.Errorf("CPU p95 is %.1f %% of a processor, more than %.1f", f.CPUP95, maxCPU)
	case max(f.RSSPeak, f.RSSStart) > maxDuring:
		return fmt.Errorf("RSS reached %.1f MB, more than %.1f", max(f.RSSPeak, f.RSSStart), maxDuring)
	case f.RSSAfter > maxAfter:
		return fmt.Errorf("RSS between looks is %.1f MB, more than %.1f", f.RSSAfter, maxAfter)
	}
	return nil
}

func (f *figures) print() {
	fmt.Printf("%s, %s; %d sockets, %d processes, %d files; %d windows of %v\n\n", f.Date, f.Machine, f.Sockets, f.Processes, f.Files, f.Windows, window)
	fmt.Println("| what | measured | wanted |\n|---|---|---|")
	fmt.Printf("| CPU, percent of a processor, p50 / p95 / max | %.1f / %.1f / %.1f | p95 <= %.0f |\n", f.CPUP50, f.CPUP95, f.CPUMax, maxCPU)
	fmt.Printf("| CPU over all, percent | %.2f | |\n", f.CPUAll)
	fmt.Printf("| CPU of each window, percent | %.1f | |\n", f.CPUEach)
	fmt.Printf("| CPU seconds of the first look at everything | %.1f | |\n", f.CPUStart)
	fmt.Printf("| RSS peak, first look at everything / later | %.1f / %.1f MB | <= %.0f |\n", f.RSSStart, f.RSSPeak, maxDuring)
	fmt.Printf("| RSS between looks, p50 / p95 | %.1f / %.1f MB | p50 <= %.0f |\n", f.RSSAfter, f.RSSP95, maxAfter)
	fmt.Printf("| of it anonymous, p50 | %.1f MB | |\n", f.AnonP50)
	fmt.Printf("| costliest look | %s, %.0f ms | |\n", f.SlowestIs, f.SlowestMs)
	fmt.Println("\nCPU of a look, costliest first:")
	for _, l := range f.Everything {
		fmt.Printf("  %-18s %8.1f ms x %d, %d bytes\n", l.Type, l.Ms, l.Times, l.Bytes)
	}
}
