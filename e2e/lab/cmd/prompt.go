package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"

	"assim/e2e/lab"
)

// errDone ends the prompt.
var errDone = errors.New("done")

// verb is one thing to do at the prompt.
type verb struct {
	name, args, short string
	least             int // arguments it needs
	run               func(p *play, ctx context.Context, args []string) error
}

// play is what the prompt works on.
type play struct {
	lab *lab.Lab
	in  *lab.Installation // nil in a bare lab
	out io.Writer
}

func verbs() []verb {
	return []verb{
		{"assim", "COMMAND...", "ask the CMA: systems, system h01, events, rings, query, status", 1, (*play).assim},
		{"in", "NAME COMMAND...", "run a command in a system or switch", 2, (*play).inside},
		{"kill", "SYSTEM", "kill -9 its nanoprobe", 1, probeVerb(func(_ context.Context, p *lab.Process) error { return p.Kill() })},
		{"stop", "SYSTEM", "end its nanoprobe in order (SIGTERM)", 1, probeVerb(func(ctx context.Context, p *lab.Process) error {
			_, err := p.Stop(ctx)
			return err
		})},
		{"start", "SYSTEM", "start its nanoprobe again", 1, (*play).start},
		{"restart-cma", "", "kill -9 the CMA and start it again", 0, (*play).restartCMA},
		{"remove", "SYSTEM", "take away its power", 1, one((*lab.Lab).RemoveSystem)},
		{"cut", "SYSTEM [eth0]", "cut its cable", 1, cable((*lab.Lab).CutCable)},
		{"mend", "SYSTEM [eth0]", "mend its cable", 1, cable((*lab.Lab).MendCable)},
		{"move", "SYSTEM SWITCH[/PORT]", "plug its eth0 into another port", 2, (*play).move},
		{"cut-trunk", "SWITCH SWITCH", "split two switches", 2, two((*lab.Lab).CutTrunk)},
		{"mend-trunk", "SWITCH SWITCH", "join them again", 2, two((*lab.Lab).MendTrunk)},
		{"silence", "SWITCH", "take away a switch's power", 1, (*play).silence},
		{"wake", "SWITCH", "and give it back", 1, one((*lab.Lab).WakeSwitch)},
		{"drop", "SYSTEM PERCENT", "lose packets to and from a system", 2, (*play).drop},
		{"partition", "A,B,... C,D,...", "systems of different groups lose each other", 2, (*play).partition},
		{"heal", "", "end partition and loss", 0, func(p *play, _ context.Context, _ []string) error { return p.lab.Heal() }},
		{"where", "", "who is plugged in where, with addresses", 0, (*play).where},
		{"help", "", "this list", 0, (*play).help},
		{"quit", "", "take everything down (so does Ctrl-C)", 0, func(*play, context.Context, []string) error { return errDone }},
	}
}

func one(f func(*lab.Lab, string) error) func(*play, context.Context, []string) error {
	return func(p *play, _ context.Context, args []string) error { return f(p.lab, args[0]) }
}

func two(f func(l *lab.Lab, a, b string) error) func(*play, context.Context, []string) error {
	return func(p *play, _ context.Context, args []string) error { return f(p.lab, args[0], args[1]) }
}

func cable(f func(l *lab.Lab, system, nic string) error) func(*play, context.Context, []string) error {
	return func(p *play, _ context.Context, args []string) error {
		return f(p.lab, args[0], append(args, "eth0")[1])
	}
}

func probeVerb(f func(context.Context, *lab.Process) error) func(*play, context.Context, []string) error {
	return func(p *play, ctx context.Context, args []string) error {
		if p.in == nil || p.in.Probe(args[0]) == nil {
			return fmt.Errorf("no nanoprobe was started on %s", args[0])
		}
		return f(ctx, p.in.Probe(args[0]))
	}
}

func (p *play) assim(ctx context.Context, args []string) error {
	if p.in == nil {
		return errors.New("this lab is bare: there is no CMA")
	}
	out, err := p.in.Assim(ctx, args...)
	p.out.Write(out)
	return err
}

func (p *play) inside(ctx context.Context, args []string) error {
	out, err := p.lab.Run(ctx, args[0], args[1:]...)
	p.out.Write(out)
	return err
}

func (p *play) start(ctx context.Context, args []string) error {
	if p.in == nil {
		return errors.New("this lab is bare: there is no CMA to join")
	}
	if old := p.in.Probe(args[0]); old != nil && old.Running() {
		return fmt.Errorf("the nanoprobe of %s runs (process %d)", args[0], old.PID)
	}
	_, err := p.in.StartProbe(ctx, args[0])
	return err
}

func (p *play) restartCMA(ctx context.Context, _ []string) error {
	if p.in == nil {
		return errors.New("this lab is bare: there is no CMA")
	}
	if err := p.in.CMA.Restart(syscall.SIGKILL); err != nil {
		return err
	}
	return p.in.WaitCMA(ctx)
}

func (p *play) move(_ context.Context, args []string) error {
	sw, port, given := strings.Cut(args[1], "/")
	n := 0
	if given {
		var err error
		if n, err = strconv.Atoi(port); err != nil {
			return fmt.Errorf("%q is no port number", port)
		}
	}
	return p.lab.MoveCable(args[0], "eth0", sw, n)
}

func (p *play) silence(ctx context.Context, args []string) error {
	return p.lab.SilenceSwitch(ctx, args[0], lab.PortsDown)
}

func (p *play) drop(_ context.Context, args []string) error {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(args[1], "%"), 64)
	if err != nil {
		return fmt.Errorf("%q is no percentage", args[1])
	}
	return p.lab.Drop(args[0], percent)
}

func (p *play) partition(_ context.Context, args []string) error {
	var groups [][]string
	for _, a := range args {
		groups = append(groups, strings.Split(a, ","))
	}
	return p.lab.Partition(groups...)
}

func (p *play) where(context.Context, []string) error {
	for _, name := range p.lab.Systems() {
		for _, n := range p.lab.NICs(name) {
			state := ""
			if n.Cut {
				state = "  cut"
			}
			fmt.Fprintf(p.out, "%-12s %s  %s/%-4d %-18s %-22s %s%s\n", name, n.Name, n.Switch, n.Port, n.Addr, n.Addr6, n.MAC, state)
		}
	}
	return nil
}

func (p *play) help(context.Context, []string) error {
	for _, v := range verbs() {
		fmt.Fprintf(p.out, "  %-36s %s\n", v.name+" "+v.args, v.short)
	}
	return nil
}

// prompt reads what to do until the input or the context ends. Without a
// terminal it only waits.
func prompt(ctx context.Context, l *lab.Lab, in *lab.Installation, input io.Reader, out io.Writer) error {
	p := &play{lab: l, in: in, out: out}
	fmt.Fprintf(out, "\nThe lab's folder is %s. In a second terminal:\n", l.Dir)
	if in != nil {
		fmt.Fprintf(out, "  %s/assim systems           ask its CMA\n", l.Dir)
	}
	fmt.Fprintf(out, "  %s/in h01 ip address       be in a system or switch\n  ls %s/log                  what every program printed\nHere:\n", l.Dir, l.Dir)
	p.help(ctx, nil)
	lines := make(chan string)
	go func() { // ends with the process: a read from a terminal cannot be taken back
		for s := bufio.NewScanner(input); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
	}()
	for {
		fmt.Fprint(out, "lab> ")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line, ok := <-lines:
			if !ok { // no terminal: a script runs us in the background
				<-ctx.Done()
				return ctx.Err()
			}
			if err := p.do(ctx, strings.Fields(line)); errors.Is(err, errDone) {
				return nil
			} else if err != nil {
				fmt.Fprintln(out, err)
			}
		}
	}
}

// do runs one line.
func (p *play) do(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return nil
	}
	for _, v := range verbs() {
		if v.name != words[0] {
			continue
		}
		if len(words)-1 < v.least {
			return fmt.Errorf("say: %s %s", v.name, v.args)
		}
		return v.run(p, ctx, words[1:])
	}
	return fmt.Errorf("%q is none of them; help lists what there is", words[0])
}
