package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// fillCommand is how this program starts itself inside the box.
const fillCommand = "fill"

// fill is one inhabitant of the box: it holds sockets, or processes, until it is
// killed with the box.
//
//	fill sockets PORT N       a server at PORT and N/2 connections to it, both ends
//	fill daemons N            N processes that sleep, each left to process 1
//	fill files N              N files in directories that are looked at, then it ends
//	fill services N           N a second that come, listen and go again
//	fill service PORT         one of these
func fill(args []string) {
	if err := fillWith(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fillWith(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("fill: %q is not understood", args)
	}
	n, err := strconv.Atoi(args[len(args)-1])
	if err != nil {
		return err
	}
	switch args[0] {
	case "sockets":
		return holdSockets(args[1], n)
	case "daemons":
		return leaveDaemons(n)
	case "files":
		return makeFiles(n)
	case "services":
		return comeAndGo(n)
	case "service":
		return serve(n)
	}
	return fmt.Errorf("fill: %q is not understood", args)
}

func holdSockets(port string, n int) error {
	server, err := net.Listen("tcp4", "0.0.0.0:"+port)
	if err != nil {
		return err
	}
	defer server.Close()
	var open []net.Conn
	for range n / 2 {
		client, err := net.Dial("tcp4", "127.0.0.1:"+port)
		if err != nil {
			return err
		}
		accepted, err := server.Accept()
		if err != nil {
			return err
		}
		open = append(open, client, accepted)
	}
	fmt.Println("ready")
	time.Sleep(24 * time.Hour)
	for _, c := range open {
		c.Close()
	}
	return nil
}

// leaveDaemons starts shells that start sleepers and end, so that the sleepers
// are left to process 1, as daemons are; half of them have a child.
func leaveDaemons(n int) error {
	const batch = 50
	for made := 0; made < n; made += 2 * batch {
		script := strings.Repeat("setsid sh -c 'sleep 100000 & exec sleep 100001' </dev/null >/dev/null 2>&1 &\n", batch)
		c := exec.Command("sh", "-c", script)
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Run(); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	return nil
}

// comeAndGo starts services that live for a moment, each a process of its own, on
// 300 ports one after the other.
func comeAndGo(each int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Println("ready")
	const first, ports = 4000, 300
	for i := 0; ; i++ {
		c := exec.Command(self, fillCommand, "service", strconv.Itoa(first+i%ports))
		if err := c.Start(); err != nil {
			return err
		}
		go func() { _ = c.Wait() }() // it has ended, that is all
		time.Sleep(time.Second / time.Duration(max(1, each)))
	}
}

func serve(port int) error {
	const life = 700 * time.Millisecond
	server, err := net.Listen("tcp4", fmt.Sprint("0.0.0.0:", port))
	if err != nil {
		return err
	}
	time.Sleep(life)
	return server.Close()
}

// looked are directories whose files discovery looks at.
var looked = []string{"/etc/pam.d", "/etc/cron.d", "/etc/sudoers.d", "/etc/ssh/sshd_config.d", "/etc/systemd/system", "/etc/cron.daily", "/etc/sysctl.d",
	"/etc/security/limits.d", "/etc/audit/rules.d", "/usr/lib/nagios/plugins"}

// makeFiles spreads n files over them. They are one file under many names,
// since 100,000 of their own would take a gigabyte of the lab's memory.
func makeFiles(n int) error {
	for i, dir := range looked {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		first := filepath.Join(dir, "full-0")
		if err := os.WriteFile(first, []byte("# This line says nothing.\n"), 0o644); err != nil {
			return err
		}
		for k := i; k < n; k += len(looked) {
			if err := os.Link(first, filepath.Join(dir, fmt.Sprintf("full-%06d.conf", k+1))); err != nil {
				return err
			}
		}
	}
	fmt.Println("ready")
	return nil
}
