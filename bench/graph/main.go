// Command graph measures the graph store: taking in first discoveries, hearing
// nothing new, looking up, asking three hops far, disk, memory and opening.
// Beside it, in the same run, a bare adjacency table on SQLite shows what a
// plain program reaches without sources, history, search and documents by
// hash.
//
//	go run ./bench/graph                         about ten seconds
//	go run ./bench/graph -systems 1000,10000,100000
//	go run ./bench/graph -json                   one JSON object per line
//	go run ./bench/graph -neo4j bolt://...       our store on that Neo4j too, and a plain
//	                                             loop over its driver; its data are thrown away
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
)

func main() {
	sizes := flag.String("systems", "1000,5000", "how many systems, one run after the other")
	asJSON := flag.Bool("json", false, "print one JSON object")
	dir := flag.String("dir", "", "where to put the files; default a temporary directory")
	only := flag.String("only", "", "measure only this engine (the parent process uses it)")
	neo4j := flag.String("neo4j", "", "measure on this Neo4j without passwords, too (scripts/neo4j starts one)")
	pid := flag.Int("neo4j-pid", 0, "the process of that Neo4j: its processor time counts, too")
	profile := flag.String("cpuprofile", "", "with -only, write where the processor's time goes to this file")
	flag.Parse()
	if *profile != "" {
		out, err := os.Create(*profile)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench/graph:", err)
			os.Exit(1)
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			fmt.Fprintln(os.Stderr, "bench/graph:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	if err := run(context.Background(), *sizes, *dir, *only, *neo4j, *pid, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "bench/graph:", err)
		os.Exit(1)
	}
}

// run measures each engine at each size in a process of its own, so that
// memory is its own too.
func run(ctx context.Context, sizes, dir, only, neo4j string, pid int, asJSON bool) error {
	if only != "" {
		n, err := strconv.Atoi(sizes)
		if err != nil {
			return err
		}
		figures, err := measure(ctx, only, n, dir, neo4j, pid)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(figures)
	}
	if dir == "" {
		tmp, err := os.MkdirTemp("", "bench-graph")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	}
	if !asJSON {
		printHeader()
	}
	engines := []string{"embedded", "baseline"}
	if neo4j != "" {
		engines = append(engines, "neo4j", "driver")
	}
	var all []json.RawMessage
	for _, size := range strings.Split(sizes, ",") {
		for _, engine := range engines {
			sub := filepath.Join(dir, engine+size)
			if err := os.MkdirAll(sub, 0o700); err != nil {
				return err
			}
			cmd := exec.CommandContext(ctx, os.Args[0], "-only", engine, "-systems", size, "-dir", sub, "-neo4j", neo4j, "-neo4j-pid", strconv.Itoa(pid))
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				return fmt.Errorf("%s with %s systems: %w", engine, size, err)
			}
			if asJSON {
				all = append(all, out)
			} else if err := show(out); err != nil {
				return err
			}
			if err := os.RemoveAll(sub); err != nil {
				return err
			}
		}
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"runs": all})
	}
	return nil
}

func show(out []byte) error {
	var f figures
	if err := json.Unmarshal(out, &f); err != nil {
		return err
	}
	f.print()
	return nil
}
