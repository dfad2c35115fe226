package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Namespaces that a cell has of its own.
const (
	allNamespaces = unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWPID
	// onlyNetwork keeps this machine's process numbers and files: for moving
	// interfaces between cells, which are named by a process number.
	onlyNetwork = unix.CLONE_NEWNET
)

// cell is a set of namespaces and the process 1 that holds them.
type cell struct {
	name  string
	init  *exec.Cmd
	pidfd int
	pipe  io.Closer // process 1 ends when this is closed
}

// newCell starts process 1. Its namespaces are empty: no interface but lo, the
// mounts a private copy of this machine's.
func newCell(name string) (*cell, error) {
	// tini reaps, as process 1 must; cat ends when the pipe closes.
	cmd := exec.Command("tini", "--", "cat")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   allNamespaces &^ unix.CLONE_NEWNS,
		Unshareflags: unix.CLONE_NEWNS, // Go makes the copy private, so that mounts do not leak out
		Setpgid:      true,             // Ctrl-C is for the one who holds the lab
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("lab: cell %s: %w (a lab needs root and the package tini)", name, err)
	}
	c := &cell{name: name, init: cmd, pipe: pipe}
	if c.pidfd, err = unix.PidfdOpen(cmd.Process.Pid, 0); err != nil {
		c.close()
		return nil, fmt.Errorf("lab: cell %s: pidfd_open: %w", name, err)
	}
	return c, nil
}

func (c *cell) pid() int { return c.init.Process.Pid }

// close ends process 1 and with it everything in the cell.
func (c *cell) close() {
	c.init.Process.Kill()
	c.pipe.Close()
	c.init.Wait()
	if c.pidfd > 0 {
		unix.Close(c.pidfd)
		c.pidfd = -1
	}
}

// enter runs f on a thread of its own inside the given namespaces of the cell.
// The thread is thrown away afterwards: what f does to it stays in it. Sockets
// that f opens remain in the cell's network; goroutines it starts do not.
func (c *cell) enter(namespaces int, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- func() error {
			// Threads share their root and working folder until one asks not to.
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return fmt.Errorf("lab: unshare: %w", err)
			}
			if err := unix.Setns(c.pidfd, namespaces); err != nil {
				return fmt.Errorf("lab: cell %s cannot be entered (is it gone?): %w", c.name, err)
			}
			return f()
		}()
	}()
	return <-done
}

// start runs a command in the cell. Its path is looked up in there.
func (c *cell) start(namespaces int, cmd *exec.Cmd) error {
	return c.enter(namespaces, func() error {
		if path, err := exec.LookPath(cmd.Args[0]); err != nil {
			return err
		} else {
			cmd.Path, cmd.Err = path, nil
		}
		return cmd.Start()
	})
}

// run runs a command in the cell to its end and returns what it printed.
func (c *cell) run(namespaces int, stdin string, args ...string) ([]byte, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = cellEnv
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := c.start(namespaces, cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return out.Bytes(), fmt.Errorf("lab: %s in %s: %w: %s", strings.Join(args, " "), c.name, err, bytes.TrimSpace(out.Bytes()))
	}
	return out.Bytes(), nil
}

// cellEnv is the environment of everything that runs in a cell.
var cellEnv = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C", "TERM=dumb"}

// furnish gives a new cell its own files and its host name. scratch is an empty
// folder of this machine that the cell covers with memory.
func (c *cell) furnish(scratch string, root bool, share []string, etc map[string]string) error {
	err := c.enter(allNamespaces, func() error {
		for _, s := range cellSysctls {
			// Not every kernel has every knob.
			if err := os.WriteFile("/proc/sys/"+s.name, []byte(s.value), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if err := unix.Sethostname([]byte(c.name)); err != nil {
			return fmt.Errorf("host name: %w", err)
		}
		if err := mount("tmpfs", scratch, "tmpfs", 0, "mode=755,size=512m"); err != nil {
			return err
		}
		if root {
			return ownRoot(scratch, share)
		}
		for _, dir := range []string{"/etc", "/var/lib"} {
			if err := overlay(dir, scratch, dir); err != nil {
				return err
			}
		}
		return private("")
	})
	if err != nil {
		return fmt.Errorf("lab: cell %s: %w", c.name, err)
	}
	// The kernel shows in /proc the processes of the one who mounts it, and a
	// thread that entered a cell is not one of the cell's processes.
	if _, err := c.run(allNamespaces, "", "mount", "-t", "proc", "proc", "/proc"); err != nil {
		return err
	}
	return c.enter(allNamespaces, func() error {
		os.RemoveAll("/run/mount") // mount's own notes about /proc
		for name, text := range etc {
			if err := os.WriteFile("/etc/"+name, []byte(text), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

// cellSysctls keep the kernel's own chatter and delays out of the pictures.
var cellSysctls = []struct{ name, value string }{
	{"net/ipv6/conf/default/accept_dad", "0"},
	{"net/ipv6/conf/default/accept_ra", "0"},
	{"net/ipv6/conf/default/router_solicitations", "0"},
	// The routes of a card without a carrier do not count, as with the network
	// managers of real systems.
	{"net/ipv4/conf/all/ignore_routes_with_linkdown", "1"},
	{"net/ipv4/conf/default/ignore_routes_with_linkdown", "1"},
	{"net/ipv6/conf/all/ignore_routes_with_linkdown", "1"},
	{"net/ipv6/conf/default/ignore_routes_with_linkdown", "1"},
	// A system with two cards answers for an address only on the right one.
	{"net/ipv4/conf/all/arp_ignore", "1"},
	{"net/ipv4/conf/all/arp_announce", "2"},
}

// private covers what every cell has of its own below root.
func private(root string) error {
	if err := mount("sysfs", root+"/sys", "sysfs", 0, ""); err != nil {
		return err
	}
	if err := mount("tmpfs", root+"/run", "tmpfs", 0, "mode=755,size=64m"); err != nil {
		return err
	}
	for _, dir := range []string{"lock", "lldpd", "sshd"} {
		if err := os.MkdirAll(filepath.Join(root, "run", dir), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// overlay lets what is written to dir go to scratch, and shows the result at.
func overlay(dir, scratch, at string) error {
	name := strings.ReplaceAll(strings.Trim(dir, "/"), "/", "-")
	up, work := filepath.Join(scratch, "up-"+name), filepath.Join(scratch, "work-"+name)
	for _, d := range []string{up, work, at} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return mount("overlay", at, "overlay", 0, "lowerdir="+dir+",upperdir="+up+",workdir="+work)
}

// ownRoot makes a throw-away copy of the root file system the cell's root.
func ownRoot(scratch string, share []string) error {
	root := filepath.Join(scratch, "root")
	if err := overlay("/", scratch, root); err != nil {
		return err
	}
	for _, dir := range append([]string{"/dev"}, share...) {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
		if err := mount(dir, filepath.Join(root, dir), "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return err
		}
	}
	if err := private(root); err != nil {
		return err
	}
	old := filepath.Join(root, ".old")
	if err := os.Mkdir(old, 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(root, old); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	// The old /proc is still needed to mount the new one: some kernels allow it
	// only where one is visible. It goes when the cell goes.
	if err := mount("/.old/proc", "/proc", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if err := unix.Unmount("/.old", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount of the old root: %w", err)
	}
	return os.Remove("/.old")
}

func mount(what, where, kind string, flags uintptr, options string) error {
	if err := unix.Mount(what, where, kind, flags, options); err != nil {
		return fmt.Errorf("mount of %s on %s: %w", kind, where, err)
	}
	return nil
}
