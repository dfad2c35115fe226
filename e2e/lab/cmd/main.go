// Command cmd builds a lab to play with: switches, systems, a CMA, the programs
// of this tree in all of them, and a prompt to break things with. "make lab"
// runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"assim/e2e/lab"
)

// settleLimit is how long the systems may take to be known to the CMA.
const settleLimit = 60 * time.Second

type options struct {
	plan     string
	switches int
	systems  int
	bin      string
	bare     bool
}

func main() {
	var o options
	flag.StringVar(&o.plan, "plan", "", "file that describes the lab (default: -switches and -systems)")
	flag.IntVar(&o.switches, "switches", 2, "how many switches")
	flag.IntVar(&o.systems, "systems", 20, "how many systems beside the CMA's")
	flag.StringVar(&o.bin, "bin", "bin", "folder with cma, nanoprobe and assim")
	flag.BoolVar(&o.bare, "bare", false, "only network, systems and services; no CMA, no nanoprobes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	plan := lab.Spread(max(o.switches, 1), o.systems)
	if o.plan != "" {
		text, err := os.ReadFile(o.plan)
		if err != nil {
			return err
		}
		if plan, err = lab.Parse(string(text)); err != nil {
			return err
		}
	}
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	plan.Share = append(plan.Share, o.bin)
	start := time.Now()
	step := func(format string, args ...any) {
		fmt.Printf("%5.1f s  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
	}
	l, err := lab.Up(ctx, plan)
	if err != nil {
		return err
	}
	defer func() {
		fmt.Println("\ntaking the lab down")
		err = errors.Join(err, l.Down())
	}()
	step("%d switches and %d systems are cabled", len(plan.Switches), len(plan.Systems))
	if err := services(l, step); err != nil {
		return err
	}
	var in *lab.Installation
	if !o.bare {
		if in, err = install(ctx, l, o.bin, step); err != nil {
			return err
		}
	}
	if err := writeHelpers(l, o.bin); err != nil {
		return err
	}
	return prompt(ctx, l, in, os.Stdin, os.Stdout)
}

// services gives the systems something to say: web servers, a database, and
// clients that hold connections to them.
func services(l *lab.Lab, step func(string, ...any)) error {
	var plain []string // systems that are not the CMA's
	for _, name := range l.Systems() {
		if name != l.CMA() {
			plain = append(plain, name)
		}
	}
	if len(plain) < 4 {
		return nil
	}
	web, db, clients := plain[:2], plain[2], plain[3:min(len(plain), 6)]
	for _, name := range web {
		if _, err := l.Nginx(name, 80); err != nil {
			return err
		}
	}
	if _, err := l.Redis(db, 6379); err != nil {
		return err
	}
	for _, name := range clients {
		// A subscriber stays connected and says nothing.
		if _, err := l.Start(name, "redis-cli", "-h", l.Addr(db).String(), "SUBSCRIBE", "news"); err != nil {
			return err
		}
	}
	step("nginx runs on %s, redis on %s, its clients on %s", strings.Join(web, " and "), db, strings.Join(clients, ", "))
	return nil
}

func install(ctx context.Context, l *lab.Lab, bin string, step func(string, ...any)) (*lab.Installation, error) {
	limited, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	in, err := l.Install(limited, bin)
	if err != nil {
		return nil, err
	}
	step("the CMA on %s answers", l.CMA())
	if err := in.StartProbes(limited); err != nil {
		return nil, err
	}
	step("nanoprobes run on all systems")
	want := len(l.Systems())
	if err := lab.Until(limited, "the CMA knows all systems", func() error {
		out, err := in.Assim(limited, "systems", "-status", "up", "-json")
		if err != nil {
			return err
		}
		known := 0
		for _, name := range l.Systems() {
			if strings.Contains(string(out), `"`+name+`"`) {
				known++
			}
		}
		if known < want {
			return fmt.Errorf("it knows %d of %d", known, want)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	step("the CMA knows all %d systems", want)
	return in, nil
}

// writeHelpers leaves two small programs in the lab's folder for a second
// terminal.
func writeHelpers(l *lab.Lab, bin string) error {
	var cases strings.Builder
	names := l.Systems()
	for _, s := range l.Plan().Switches {
		names = append(names, s.Name)
	}
	for _, name := range names {
		fmt.Fprintf(&cases, "%s) pid=%d ;;\n", name, l.PID(name))
	}
	in := "#!/bin/sh\n# Runs a command in a system or switch of the lab: in NAME COMMAND...\n" +
		"case $1 in\n" + cases.String() + "*) echo \"there is no $1\" >&2; exit 2 ;;\nesac\nshift\n" +
		"[ $# -gt 0 ] || set -- bash\nexec nsenter -t $pid -m -u -i -n -p -- \"$@\"\n"
	assim := "#!/bin/sh\n# Asks the lab's CMA: assim COMMAND...\nexec " + filepath.Join(l.Dir, "in") + " " + l.CMA() + " " + filepath.Join(bin, "assim") + " \"$@\"\n"
	for name, text := range map[string]string{"in": in, "assim": assim} {
		if name == "assim" && l.CMA() == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(l.Dir, name), []byte(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}
