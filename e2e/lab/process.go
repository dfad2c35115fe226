package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Process is a program running in a system.
type Process struct {
	System string
	Args   []string
	PID    int    // on this machine, not inside the system
	Log    string // file with all it printed; a restart appends

	lab   *Lab
	cmd   *exec.Cmd
	env   []string
	done  chan struct{}
	state *os.ProcessState
}

// Start runs a program in a system until it ends, is killed, or the lab goes
// down. It sees the file system of the system, and what the lab shares.
func (l *Lab) Start(system string, args ...string) (*Process, error) {
	return l.StartEnv(system, nil, args...)
}

// StartEnv is Start with additional variables, as "NAME=value".
func (l *Lab) StartEnv(system string, env []string, args ...string) (*Process, error) {
	c, err := l.cell(system)
	if err != nil {
		return nil, err
	}
	return l.startIn(c, system, args, env...)
}

func (l *Lab) startIn(c *cell, system string, args []string, env ...string) (*Process, error) {
	l.mu.Lock()
	l.seq++
	log := filepath.Join(l.Dir, "log", fmt.Sprintf("%s-%s-%d.log", system, filepath.Base(args[0]), l.seq))
	l.mu.Unlock()
	p := &Process{System: system, Args: args, Log: log, lab: l, env: env}
	return p, p.launch(c)
}

// launch starts the program and remembers it in the lab.
func (p *Process) launch(c *cell) error {
	out, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(p.Args[0], p.Args[1:]...)
	cmd.Dir = "/"
	cmd.Env = slices.Concat(cellEnv, p.env)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the one who holds the lab
	if err := c.start(allNamespaces, cmd); err != nil {
		return fmt.Errorf("lab: start of %s in %s: %w", p.Args[0], p.System, err)
	}
	done := make(chan struct{})
	p.cmd, p.PID, p.done, p.state = cmd, cmd.Process.Pid, done, nil
	go func() {
		cmd.Wait() // how it ended is in its state
		p.state = cmd.ProcessState
		close(done)
	}()
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	if !slices.Contains(p.lab.procs, p) {
		p.lab.procs = append(p.lab.procs, p)
	}
	return nil
}

// Running reports whether the program has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Signal sends a signal to the program; none if it has ended.
func (p *Process) Signal(s syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	return p.cmd.Process.Signal(s)
}

// Kill is kill -9, and waits until the program is gone.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Stop asks the program to end in order (SIGTERM) and waits until it has.
func (p *Process) Stop(ctx context.Context) (*os.ProcessState, error) {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return nil, err
	}
	return p.Wait(ctx)
}

// Wait waits until the program has ended and says how.
func (p *Process) Wait(ctx context.Context) (*os.ProcessState, error) {
	select {
	case <-p.done:
		return p.state, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("lab: %s in %s still runs: %w; it printed:\n%s", p.Args[0], p.System, ctx.Err(), p.Tail(20))
	}
}

// Restart ends the program by a signal, waits, and starts it again with the
// same arguments. The process number changes.
func (p *Process) Restart(s syscall.Signal) error {
	if err := p.Signal(s); err != nil {
		return err
	}
	<-p.done
	c, err := p.lab.cell(p.System)
	if err != nil {
		return err
	}
	return p.launch(c)
}

// Output is all the program has printed.
func (p *Process) Output() string {
	text, _ := os.ReadFile(p.Log)
	return string(text)
}

// Tail is the last lines of what it printed.
func (p *Process) Tail(lines int) string {
	all := bytes.Split(bytes.TrimRight([]byte(p.Output()), "\n"), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// WaitFor waits until the program has printed the text.
func (p *Process) WaitFor(ctx context.Context, text string) error {
	return Until(ctx, fmt.Sprintf("%s in %s prints %q", p.Args[0], p.System, text), func() error {
		switch {
		case strings.Contains(p.Output(), text):
			return nil
		case !p.Running():
			return fmt.Errorf("%w: it has ended (%v) and printed:\n%s", ErrHopeless, p.state, p.Tail(20))
		}
		return fmt.Errorf("so far it printed:\n%s", p.Tail(20))
	})
}

// pause is how long Until waits between two looks.
const pause = 50 * time.Millisecond

// ErrHopeless is wrapped by what waiting does not cure: Until gives up at once.
var ErrHopeless = errors.New("hopeless")

// Until calls f until it returns nil. When the time of ctx is up, it returns
// what was waited for and f's last error.
func Until(ctx context.Context, what string, f func() error) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrHopeless) {
			return fmt.Errorf("lab: until %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lab: waited in vain until %s: %w", what, err)
		case <-tick.C:
		}
	}
}

// runContext runs a command to its end, or kills it when the context ends.
func (c *cell) runContext(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = cellEnv
	cmd.WaitDelay = time.Second // a grandchild may hold the pipe open
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := c.start(allNamespaces, cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		err = fmt.Errorf("lab: %s in %s: %w: %s", strings.Join(args, " "), c.name, err, bytes.TrimSpace(out.Bytes()))
	}
	return out.Bytes(), err
}
