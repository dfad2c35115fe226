// Command membership watches N systems in two ways in one process and compares:
// with hashicorp/memberlist (LAN defaults) and with the cores of our nanoprobe.
// Both send real datagrams over the loopback; a kill makes a system a black
// hole, as a cut cable does.
//
//	go run ./bench/membership                      the whole table, about 14 minutes
//	go run ./bench/membership -n 100,300 -scenarios steady,kill
//
// Every figure is about the same machine, the same minutes and the same faults.
// ours: a system is known when its first witness reports it unresponsive, and
// to all who must know when its second one does; it is dead when it was silent
// for 7 s. memberlist: when the first member declares it dead, and when every
// living one has.
//
// A starved system neither runs nor receives nor sends (of memberlist, which
// runs in the same process, timers go on: it neither receives nor sends). The
// machine is overcommitted when ten programs per processor want all of it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	sizes := flag.String("n", "", "numbers of systems; empty = those that belong to each scenario")
	which := flag.String("scenarios", "", "what to measure, each with crowds of its own: of steady, kill, tenth, rack, loss, starved, overcommitted; empty = the whole table")
	who := flag.String("who", "ours,memberlist", "whom to measure")
	seed := flag.Uint64("seed", 1, "of everything random here")
	kills := flag.Int("kills", 3, "deaths of memberlist's, one after another, per size; five times as many of ours")
	lossFor := flag.Duration("loss-for", 30*time.Second, "how long each loss lasts")
	hungry := flag.Duration("hungry", time.Minute, "how long systems, or the machine, are starved")
	asJSON := flag.Bool("json", false, "print one JSON object")
	burning := flag.Bool("burn", false, "want all of a processor, for ever: what the scenario overcommitted starts")
	flag.Parse()
	if *burning {
		burnForEver()
	}
	if err := raiseFiles(); err != nil {
		fmt.Fprintln(os.Stderr, "membership:", err)
	}
	b := &bench{seed: *seed, kills: *kills, lossFor: *lossFor, hungry: *hungry, quiet: *asJSON}
	if !*asJSON {
		fmt.Printf("%s, %d CPUs, %s, seed %d\n\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.Version(), *seed)
	}
	if err := b.measure(*which, *sizes, strings.Split(*who, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "membership:", err)
		os.Exit(1)
	}
	if *asJSON {
		text, err := json.MarshalIndent(map[string]any{"date": time.Now().Format(time.DateOnly), "cpus": runtime.NumCPU(),
			"go": runtime.Version(), "seed": *seed, "results": b.results}, "", "  ")
		if err != nil {
			fmt.Fprintln(os.Stderr, "membership:", err)
			os.Exit(1)
		}
		fmt.Println(string(text))
	}
}

// burnForEver is ended by who started it.
func burnForEver() {
	for n := uint64(1); n != 0; n += 2 { // an odd number never is
		runtime.KeepAlive(n)
	}
}

// measure measures what is asked for.
func (b *bench) measure(which, sizes string, who []string) error {
	if which == "" {
		list, err := numbers(sizes, scenarios[0].sizes)
		if err != nil {
			return err
		}
		for _, n := range list {
			if err := b.size(who, n); err != nil {
				return fmt.Errorf("%d systems: %w", n, err)
			}
		}
		which = "loss,starved,overcommitted"
	}
	for _, name := range strings.Split(which, ",") {
		if err := b.all(name, sizes, who); err != nil {
			return err
		}
	}
	return nil
}

// all measures one scenario in all its sizes.
func (b *bench) all(name, sizes string, who []string) error {
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
	if i < 0 {
		return fmt.Errorf("there is no scenario %q; see -h", name)
	}
	list, err := numbers(sizes, scenarios[i].sizes)
	if err != nil {
		return err
	}
	for _, n := range list {
		if err := b.run(who, n, scenarios[i]); err != nil {
			return fmt.Errorf("%d systems, %s: %w", n, name, err)
		}
	}
	return nil
}

// numbers reads a list of sizes; an empty one is def.
func numbers(text string, def []int) (list []int, err error) {
	if text == "" {
		return def, nil
	}
	for _, size := range strings.Split(text, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 2 {
			return nil, fmt.Errorf("-n %q is not a list of numbers from 2 on", text)
		}
		list = append(list, n)
	}
	return list, nil
}

// raiseFiles allows as many open files as the system lets us have: memberlist
// needs two sockets per member.
func raiseFiles() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
}
