package lab

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// childMarker tells the test binary that it is to hold a lab until it is killed.
const childMarker = "ASSIM_LAB_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childMarker) != "" {
		holdALab()
	}
	os.Exit(m.Run())
}

func holdALab() {
	plan, err := Parse(twoSwitches)
	if err != nil {
		panic(err)
	}
	l, err := Up(context.Background(), plan)
	if err != nil {
		panic(err)
	}
	p, err := l.Start("h01", "sleep", "1000")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Dir, p.PID, l.PID("sw1"), l.switches["sw1"].lldpd.PID)
	select {}
}

// What must hold is that a test that dies leaves nothing behind: no process, no
// interface, no name, and at the next lab no file.
func TestNothingIsLeftOfALabWhoseOwnerIsKilled(t *testing.T) {
	if err := Possible(); err != nil && os.Getenv("ASSIM_LAB") != required {
		t.Skip(err)
	}
	tmp := t.TempDir()
	before := visible(t)
	owner := exec.Command("/proc/self/exe")
	owner.Env = append(os.Environ(), childMarker+"=1", "TMPDIR="+tmp)
	owner.Stderr = os.Stderr
	out, err := owner.StdoutPipe()
	must(t, err)
	must(t, owner.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	words := strings.Fields(line)
	dir, pids := words[0], words[1:]
	for _, pid := range pids {
		if !alive(pid) {
			t.Errorf("process %s of the lab does not run", pid)
		}
	}
	if got := visible(t); got != before {
		t.Errorf("a running lab shows on this machine:\n%s\nwas\n%s", got, before)
	}
	must(t, owner.Process.Kill())
	owner.Wait()
	if err := Until(within(t, 5*time.Second), "all its processes are gone", func() error {
		for _, pid := range pids {
			if alive(pid) {
				return fmt.Errorf("%s lives", pid)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if got := visible(t); got != before {
		t.Errorf("after the death this machine shows:\n%s\nwas\n%s", got, before)
	}
	// The lock of a lab in the making is left alone for a second.
	old := time.Now().Add(-time.Minute)
	must(t, os.Chtimes(filepath.Join(dir, "lock"), old, old))
	t.Setenv("TMPDIR", tmp)
	l := ForTest(t, Plan{Switches: []Switch{{Name: "sw1", Speaks: Mute}}})
	if left, _ := filepath.Glob(filepath.Join(tmp, labPrefix+"*")); len(left) != 1 || left[0] != l.Dir {
		t.Errorf("the next lab %s leaves %v", l.Dir, left)
	}
}

// alive reports whether a process runs; a zombie does not.
func alive(pid string) bool {
	if _, err := strconv.Atoi(pid); err != nil {
		return true
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// visible is what this machine shows of labs: interfaces, names, mounts.
func visible(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	links, err := filepath.Glob("/sys/class/net/*")
	must(t, err)
	names, _ := filepath.Glob("/run/netns/*")
	fmt.Fprintln(&b, links, names)
	mounts, err := os.ReadFile("/proc/self/mounts")
	must(t, err)
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, labPrefix) {
			b.WriteString(line)
		}
	}
	return b.String()
}
