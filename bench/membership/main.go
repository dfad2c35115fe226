// Command membership watches N systems in two ways in one process and compares:
// with hashicorp/memberlist (LAN defaults) and with the cores of our nanoprobe.
// Both send real datagrams over the loopback; a kill makes a system a black
// hole, as a cut cable does.
//
//	go run ./bench/membership -n 100,300 -scenarios steady,kill,tenth,rack,loss
//
// Every figure is about the same machine, the same minute and the same faults.
// ours: a system is known when its first witness reports it unresponsive, and
// by all who must know when its second one does. memberlist: when the first
// member declares it dead, and when the last one has.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	sizes := flag.String("n", "100,300", "numbers of systems")
	scenarios := flag.String("scenarios", "steady,kill,tenth,rack,loss", "what to measure")
	who := flag.String("who", "ours,memberlist", "whom to measure")
	seed := flag.Uint64("seed", 1, "of everything random here")
	kills := flag.Int("kills", 5, "deaths, one after another, per size")
	lossFor := flag.Duration("loss-for", time.Minute, "how long each loss lasts")
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	if err := raiseFiles(); err != nil {
		fmt.Fprintln(os.Stderr, "membership:", err)
	}
	b := bench{kills: *kills, lossFor: *lossFor, quiet: *asJSON}
	if !*asJSON {
		fmt.Printf("%s, %d CPUs, %s, seed %d\n\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.Version(), *seed)
	}
	for _, size := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			fmt.Fprintf(os.Stderr, "membership: -n %q is not a list of numbers\n", *sizes)
			os.Exit(2)
		}
		for _, s := range strings.Split(*scenarios, ",") {
			for _, w := range strings.Split(*who, ",") {
				b.rnd = rand.New(rand.NewPCG(*seed, uint64(n)))
				if err := b.run(w, n, s); err != nil {
					fmt.Fprintf(os.Stderr, "membership: %s, %d systems, %s: %v\n", w, n, s, err)
					os.Exit(1)
				}
			}
		}
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
