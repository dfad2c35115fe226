package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"assim/discovery"
)

// Limits on commands, unless a Command says otherwise.
const (
	runTime   = 20 * time.Second
	runOutput = 8 << 20 // bytes of standard output
	runErrors = 2 << 10 // bytes of standard error kept for the message
	runDelay  = time.Second
)

// binPath is where commands are looked for, whatever the environment says.
const binPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// ErrOutput means that a command printed more than its limit.
var ErrOutput = errors.New("more output than the limit")

// Command is a program to run, and its limits.
type Command = discovery.Command

// Run runs a program in the C locale and returns its standard output. A program
// that is not installed is discovery.ErrNotHere.
func (h *Host) Run(ctx context.Context, name string, args ...string) ([]byte, error) {
	return h.Execute(ctx, Command{Name: name, Args: args})
}

// Execute is Run with limits of its own. On another root file system nothing is
// run.
func (h *Host) Execute(ctx context.Context, c Command) ([]byte, error) {
	if !h.live {
		return nil, fmt.Errorf("%s: %w", c.Name, discovery.ErrNotHere)
	}
	return Execute(ctx, c)
}

// Execute runs a command to its end in a process group of its own, which is
// killed as a whole when its time or output is over the limit, or ctx ends. The
// error tells the exit code and what the program complained about; the output
// is returned with it.
func Execute(ctx context.Context, c Command) ([]byte, error) {
	path, err := lookup(c.Name)
	if err != nil {
		return nil, err
	}
	if c.Time <= 0 {
		c.Time = runTime
	}
	if c.Output <= 0 {
		c.Output = runOutput
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Time, fmt.Errorf("no end in %v", c.Time))
	defer cancel()
	stop, overflow := context.WithCancelCause(ctx)
	defer overflow(nil)

	cmd := exec.CommandContext(stop, path, c.Args...)
	cmd.Dir = "/"
	if c.Dir != "" {
		cmd.Dir = c.Dir
	}
	cmd.Env = append([]string{"PATH=" + binPath, "LC_ALL=C", "LANG=C", "HOME=/"}, c.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = runDelay
	out := &limited{left: c.Output, over: func() { overflow(ErrOutput) }}
	complaint := &limited{left: runErrors}
	cmd.Stdout, cmd.Stderr = out, complaint
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	if c.Nice > 0 {
		// The program is what matters; a moment at full priority does no harm.
		_ = unix.Setpriority(unix.PRIO_PROCESS, cmd.Process.Pid, c.Nice)
	}
	err = cmd.Wait()
	charge(ctx, cmd.ProcessState)
	// Children that the program left behind end with it.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	return out.buf.Bytes(), explain(c.Name, err, context.Cause(stop), complaint.buf.String())
}

// explain says what happened, where the program's last words say more than its
// exit code.
func explain(name string, err, cause error, complaint string) error {
	complaint, _, _ = strings.Cut(strings.TrimSpace(complaint), "\n")
	var exit *exec.ExitError
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay) && cause == nil:
		return nil
	case cause != nil:
		return fmt.Errorf("%s: killed: %w", name, cause)
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return &discovery.Exit{Name: name, Code: exit.ExitCode(), Words: complaint}
	case complaint != "":
		return fmt.Errorf("%s: %w: %s", name, err, complaint)
	}
	return fmt.Errorf("%s: %w", name, err)
}

func lookup(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range filepath.SplitList(binPath) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: %w", name, discovery.ErrNotHere)
}

// limited keeps the first bytes written to it; over is called when there were
// more.
type limited struct {
	buf  bytes.Buffer
	left int
	over func()
}

func (l *limited) Write(p []byte) (int, error) {
	keep := min(len(p), l.left)
	l.buf.Write(p[:keep])
	l.left -= keep
	if keep < len(p) && l.over != nil {
		l.over()
		l.over = nil
	}
	return len(p), nil
}
