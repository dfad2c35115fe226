// Command transport measures what a contact costs on each plane, end to end
// over real sockets, both ends in this process; beside it, in the same run, a
// bare UDP datagram that proves nothing, and what an agent costs that posts
// each message over HTTPS with keys on both sides.
//
// With -storm N it also starts a real cma and stands in for N nanoprobes, known
// to it, on one socket, each from an address of its own, with the shipped session
// and heartbeat cores. All announce at once, three times:
//
//   - first announcement ever: they have joined, and the CMA has never heard them.
//     Each takes its seat in a ring and comes into the graph. With -known, an
//     earlier run of the cma has done that: they power on.
//   - announced again, processes live: each begins another session and runs the
//     newest order; a CMA that lost its store sees this.
//   - power on again: each process is new and is told its order again: the whole
//     ring of 32 to 64 members with their keys, in two or three datagrams. (Who
//     starts alone is told its near in one, see ring.Plan.Near; in a storm nobody
//     does but the first few.)
//
// What is counted per nanoprobe is all CPU of the cma process, the kernel's share
// for its datagrams and its disk included, from the first announcement until the
// last acknowledgment. Between the three the cma comes to rest. It also prints
// what the cores of a CMA hold per nanoprobe, filled in this process.
//
//	go run ./bench/transport
//	go run ./bench/transport -storm 100000 -json
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// figures is everything that is measured; zero means it was not.
type figures struct {
	Planes []plane `json:"planes"`
	Storm  []storm `json:"storm,omitempty"`
	Deaths *deaths `json:"deaths,omitempty"`
	Memory *memory `json:"memory,omitempty"`
}

func main() {
	var w weather
	flag.IntVar(&w.crowd, "storm", 0, "nanoprobes that announce at once to a real cma; 0: none")
	flag.BoolVar(&w.known, "known", false, "the cma knows all of them and their rings from an earlier run")
	flag.IntVar(&w.die, "die", 0, "how many of them die one after the other afterwards, and return; not with -profile quiet")
	flag.StringVar(&w.program, "cma", "", "the cma to measure; empty: it is built")
	flag.StringVar(&w.profile, "profile", "default", "heartbeats in the storm: fast, default or quiet")
	flag.Float64Var(&w.loss, "loss", 0, "percent of the cma's signals in the storm that do not arrive")
	flag.DurationVar(&w.patience, "patience", 2*time.Minute, "how long each storm may take")
	each := flag.Duration("each", time.Second, "how long each plane is measured")
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	if err := run(w, *each, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench/transport:", err)
		os.Exit(1)
	}
}

func run(w weather, each time.Duration, asJSON bool) error {
	var f figures
	var err error
	if f.Planes, err = measurePlanes(each); err != nil {
		return err
	}
	if w.crowd > 0 {
		if f.Storm, f.Deaths, err = measureStorm(w); err != nil {
			return err
		}
		m, err := measureMemory(w.crowd)
		if err != nil {
			return err
		}
		f.Memory = &m
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(f)
	}
	f.print()
	return nil
}

func (f *figures) print() {
	fmt.Println("plane                                      cpu µs/contact  wall µs/contact  contacts")
	for _, p := range f.Planes {
		fmt.Printf("%-42s %14.1f %16.1f %9d\n", p.Name, p.CPUMicros, p.WallMicros, p.Contacts)
	}
	for i := range f.Storm {
		f.Storm[i].print()
	}
	if f.Deaths != nil {
		f.Deaths.print()
	}
	if f.Memory != nil {
		f.Memory.print()
	}
}
