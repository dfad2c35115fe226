package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Installation is assim running in a lab: the real programs, a CMA on the
// system marked as its, and nanoprobes where they were started.
type Installation struct {
	Lab *Lab
	Bin string // folder with cma, nanoprobe and assim, as make build leaves them
	CMA *Process

	mu     sync.Mutex
	join   string
	probes map[string]*Process
}

// Install starts the CMA and waits until it answers. Nanoprobes are started
// afterwards, by StartProbe or StartProbes.
func (l *Lab) Install(ctx context.Context, bin string, cmaFlags ...string) (*Installation, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	for _, name := range []string{"cma", "nanoprobe", "assim"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("lab: %w; run make build", err)
		}
	}
	if l.CMA() == "" {
		return nil, fmt.Errorf("lab: no system of the plan is marked as the CMA's")
	}
	in := &Installation{Lab: l, Bin: bin, probes: map[string]*Process{}}
	in.CMA, err = l.Start(l.CMA(), append([]string{filepath.Join(bin, "cma"), "-data", l.DataDir(l.CMA(), "cma")}, cmaFlags...)...)
	if err != nil {
		return nil, err
	}
	return in, in.WaitCMA(ctx)
}

// DataDir is a folder of this machine for a program of a system. It survives
// the program and the system, and goes with the lab.
func (l *Lab) DataDir(system, program string) string {
	return filepath.Join(l.Dir, "data", system, program)
}

// WaitCMA waits until the CMA answers.
func (in *Installation) WaitCMA(ctx context.Context) error {
	return Until(ctx, "the CMA answers", func() error {
		if !in.CMA.Running() {
			return fmt.Errorf("%w: it has ended and printed:\n%s", ErrHopeless, in.CMA.Tail(20))
		}
		_, err := in.Assim(ctx, "status")
		return err
	})
}

// Assim runs the operator's command beside the CMA and returns what it printed.
func (in *Installation) Assim(ctx context.Context, args ...string) ([]byte, error) {
	return in.Lab.Run(ctx, in.Lab.CMA(), append([]string{filepath.Join(in.Bin, "assim")}, args...)...)
}

// Join returns a string by which any number of systems may join at the CMA's
// first address.
func (in *Installation) Join(ctx context.Context) (string, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.join != "" {
		return in.join, nil
	}
	var err error
	in.join, err = in.JoinAt(ctx, in.Lab.Addr(in.Lab.CMA()).String())
	return in.join, err
}

// JoinAt returns a new string that leads to the CMA by an address, a name, or
// "*" for multicast.
func (in *Installation) JoinAt(ctx context.Context, address string) (string, error) {
	out, err := in.Assim(ctx, "join-token", "create", "-for", "24h", "-note", "lab", "-address", address)
	return strings.TrimSpace(string(out)), err
}

// StartProbe starts the nanoprobe of a system; the CMA's own joins by the local
// socket, the others by a join string.
func (in *Installation) StartProbe(ctx context.Context, system string, flags ...string) (*Process, error) {
	args := []string{filepath.Join(in.Bin, "nanoprobe"), "-data", in.Lab.DataDir(system, "nanoprobe")}
	if system != in.Lab.CMA() {
		join, err := in.Join(ctx)
		if err != nil {
			return nil, err
		}
		args = append(args, "-join", join)
	}
	p, err := in.Lab.Start(system, append(args, flags...)...)
	if err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.probes[system] = p
	return p, nil
}

// StartProbes starts the nanoprobes of all systems that run none.
func (in *Installation) StartProbes(ctx context.Context, flags ...string) error {
	for _, system := range in.Lab.Systems() {
		if p := in.Probe(system); p != nil && p.Running() {
			continue
		}
		if _, err := in.StartProbe(ctx, system, flags...); err != nil {
			return err
		}
	}
	return nil
}

// Probe is the nanoprobe last started in a system; nil if none was.
func (in *Installation) Probe(system string) *Process {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.probes[system]
}
