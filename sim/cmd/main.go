// Command cmd is the simulator (make sim): it runs a story, a script or a
// swarm of random faults. See docs/simulator.md.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"assim/sim"
)

// gcPercent is low because a run allocates next to nothing once it goes.
const gcPercent = 30

func main() {
	debug.SetGCPercent(gcPercent)
	ok, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run says whether everything came as it should.
func run(args []string, out io.Writer) (bool, error) {
	f := flag.NewFlagSet("sim", flag.ContinueOnError)
	n := f.Int("n", 1000, "systems of the standard script")
	seed := f.Uint64("seed", 0, "seed of all chance; 0 = 1, or what the scenario says")
	length := f.Duration("for", 60*time.Second, "virtual time of the standard script")
	scenario := f.String("scenario", "", "run this story instead")
	swarm := f.Bool("swarm", false, "run random faults on random estates instead, one per seed")
	seeds := f.Int("seeds", 100, "with -swarm: how many seeds, from -seed on")
	keep := f.String("keep", "sim/testdata/seeds.txt", "with -swarm: append failing seeds to this file, if it exists")
	script := f.String("script", "standard", "standard, day (deaths and returns), crashes, reboots, or half (of all racks die at once)")
	profile := f.String("profile", "default", "impatience of everybody in a script: fast, default or quiet")
	asJSON := f.Bool("json", false, "print one JSON object instead of a table")
	verbose := f.Bool("v", false, "print the news as they come")
	threads := f.Int("threads", 2, "threads for large estates; the result is the same")
	if err := f.Parse(args); err != nil {
		return false, err
	}
	opt := sim.Options{Seed: *seed, Threads: *threads}
	var news io.Writer
	if *verbose {
		news = out
	}
	var r *sim.Result
	var err error
	switch {
	case *scenario != "":
		r, err = story(*scenario, opt, news)
	case *swarm:
		r, err = sim.Swarm(max(1, *seed), *seeds, *keep, news)
	default:
		if opt.Timing, err = sim.Profile(*profile); err != nil {
			return false, err
		}
		opt.Seed = max(1, *seed)
		r, err = sim.Script(*script, *n, *length, opt, news)
	}
	if err != nil {
		return false, err
	}
	if *asJSON {
		return r.OK(), r.WriteJSON(out)
	}
	return r.OK(), r.WriteTable(out)
}

func story(name string, opt sim.Options, news io.Writer) (*sim.Result, error) {
	text, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	return sim.Play(name, text, opt, news)
}
