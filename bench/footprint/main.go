// Command footprint measures what the programs cost where they run: in a lab of
// real systems, with everything switched on, beside Debian's lldpd in the same
// lab and the same minutes. It needs root.
//
//	go run ./bench/footprint                 20 systems, about three minutes
//	go run ./bench/footprint -systems 5 -settle 20s -measure 20s
//	go run ./bench/footprint -json
//
// RSS and CPU time are the kernel's own figures (/proc/PID). An lldpd is two
// processes, a monitor and the one at work; both count.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

type options struct {
	systems int
	settle  time.Duration
	measure time.Duration
	bin     string
	json    bool
}

func main() {
	var o options
	flag.IntVar(&o.systems, "systems", 20, "how many systems beside the CMA's")
	flag.DurationVar(&o.settle, "settle", 90*time.Second, "how long to wait until the systems are idle")
	flag.DurationVar(&o.measure, "measure", time.Minute, "how long to measure CPU time")
	flag.StringVar(&o.bin, "bin", "", "folder with cma, nanoprobe and assim (default: make build first)")
	flag.BoolVar(&o.json, "json", false, "print one JSON object")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "footprint:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.bin == "" {
		build := exec.CommandContext(ctx, "make", "--no-print-directory", "build")
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("make build: %w; run this in the top folder of the tree, or name -bin", err)
		}
		o.bin = "bin"
	}
	f, err := measure(ctx, o)
	if err != nil {
		return err
	}
	if o.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(f)
	}
	f.print(os.Stdout)
	return nil
}

// machine says where the figures are from.
func machine() string {
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%d CPUs, %s, %s, load average %.4s at the start", runtime.NumCPU(), processor(), runtime.Version(), load)
}
