package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sample is what one instance of a program takes at one moment.
type sample struct {
	rss  int64
	anon int64 // of rss what is no file's: what the memory holds for this instance alone
	cpu  time.Duration
}

// ticks is the unit of CPU times in /proc/PID/stat, the same on every Linux.
const ticks = 100

// The fields of /proc/PID/stat after the name, counted from 0.
const (
	statState  = 0
	statUser   = 11
	statSystem = 12
	statRSS    = 21
)

// stat reads the fields of /proc/PID/stat after the name, and the name.
func stat(pid int) (name string, fields []string, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", nil, err
	}
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return "", nil, fmt.Errorf("/proc/%d/stat: %q is not understood", pid, text)
	}
	fields = strings.Fields(string(text[end+1:]))
	if len(fields) <= statRSS || fields[statState] == "Z" {
		return "", nil, fmt.Errorf("/proc/%d/stat: the process has ended", pid)
	}
	return string(text[open+1 : end]), fields, nil
}

// take samples an instance that consists of several processes.
func take(pids []int) (s sample, err error) {
	for _, pid := range pids {
		_, fields, err := stat(pid)
		if err != nil {
			return s, err
		}
		user, _ := strconv.ParseInt(fields[statUser], 10, 64)
		system, _ := strconv.ParseInt(fields[statSystem], 10, 64)
		pages, _ := strconv.ParseInt(fields[statRSS], 10, 64)
		s.cpu += time.Duration(user+system) * time.Second / ticks
		s.rss += pages * int64(os.Getpagesize())
		s.anon += anonymous(pid)
	}
	return s, nil
}

// anonymous is RssAnon of /proc/PID/status in bytes; 0 when it is not told.
func anonymous(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}

// takeAll samples instances one after the other.
func takeAll(instances [][]int) (list []sample, err error) {
	for _, pids := range instances {
		s, err := take(pids)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// inNamespaceOf are the processes with a name in the network of a process: a
// program started in a cell from outside is no child of the cell's process 1.
func inNamespaceOf(pid int, name string) (pids []int) {
	home, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil
	}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		net, err := os.Readlink(dir + "/ns/net")
		if n, _, e := stat(pid); err == nil && e == nil && n == name && net == home {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processor is the name of this machine's.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
