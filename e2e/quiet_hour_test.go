package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"assim/event"
)

const (
	// warm is how long the load runs before anything counts. What is done for the
	// first time is news; and a process is told once it is a minute old.
	warm = 150 * time.Second
	// maxNews is how many documents a system may send in an hour of ordinary load.
	maxNews = 5
)

// workday is a web server that people log in to, and those who use it.
const workday = `
switch sw1
cma cma sw1
system web sw1 root
system user sw1 root
`

// An hour of ordinary load: every request is a new connection, every job and
// every login a crowd of new processes.
func TestASystemUnderOrdinaryLoadSendsAtMostFiveDocumentsAnHour(t *testing.T) {
	t.Parallel()
	if os.Getenv("ASSIM_QUIET") == "" {
		t.Skip("an hour cannot be hurried: make quiet-hour, or ASSIM_QUIET=10m for less of it")
	}
	hour, err := time.ParseDuration(os.Getenv("ASSIM_QUIET"))
	if err != nil {
		t.Fatal(err)
	}
	w := build(t, workday)
	load := begin(w)
	if err := w.StartProbes(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.allUp()
	wait(t, warm)
	from, before := time.Now(), load.done()
	wait(t, hour)
	after := load.done()
	news := w.discovered(from)
	t.Logf("%v of load: %s", hour, load.since(before, after))
	for _, name := range []string{"web", "user"} {
		sent := slices.DeleteFunc(slices.Clone(news), func(e event.Event) bool { return e.Name != name })
		for _, e := range sent {
			t.Logf("%s %s sent %s: %s", e.At.Format(time.TimeOnly), name, e.Detail["type"], w.difference(e))
		}
		t.Logf("%s sent %d documents", name, len(sent))
		if len(sent) > maxNews {
			t.Errorf("%s sent %d documents in %v, more than %d", name, len(sent), hour, maxNews)
		}
		for _, e := range sent {
			if w.difference(e) == "" {
				t.Errorf("%s sent %s and nothing in it is different", name, e.Detail["type"])
			}
		}
	}
	for i, what := range load.kinds() {
		if after[i] == before[i] {
			t.Errorf("there were no %s, so that nothing is proven", what)
		}
	}
}

// ordinary is the load of a workday and where it is counted.
type ordinary struct{ dir string }

func (o ordinary) kinds() []string { return []string{"web requests", "logins", "jobs"} }

// begin starts the services of "web" and those who use them.
func begin(w *world) ordinary {
	w.t.Helper()
	o := ordinary{filepath.Join(w.Dir, "load")}
	for _, dir := range append(o.kinds(), "key") {
		must(w.t, os.MkdirAll(filepath.Join(o.dir, dir), 0o755))
	}
	key := filepath.Join(o.dir, "key", "id")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		w.t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	if _, err := w.Nginx("web", 80); err != nil {
		w.t.Fatal(err)
	}
	o.sshd(w, key)
	job := fmt.Sprintf("#!/bin/sh\nfind /etc -type f | sort | gzip | wc -c > /tmp/job\nsu nobody -s /bin/sh -c true\ndate >> '%s/jobs/n'\n", o.dir)
	must(w.t, w.Inside("web", func() error {
		if err := os.WriteFile("/usr/local/bin/job", []byte(job), 0o755); err != nil {
			return err
		}
		return os.WriteFile("/etc/cron.d/job", []byte("* * * * * root /usr/local/bin/job\n*/5 * * * * nobody sh -c 'sleep 70'\n"), 0o644)
	}))
	for _, program := range [][]string{
		{"web", "cron", "-f"},
		{"user", "sh", "-c", fmt.Sprintf("while sleep 0.5; do curl -s http://web/ >/dev/null && echo >> '%s/web requests/n'; done", o.dir)},
		{"user", "sh", "-c", fmt.Sprintf("while sleep 20; do ssh -i %s -o StrictHostKeyChecking=no -o BatchMode=yes root@web 'sleep 3; ls / >/dev/null; uptime' && echo >> '%s/logins/n'; done", key, o.dir)},
	} {
		if _, err := w.Start(program[0], program[1:]...); err != nil {
			w.t.Fatal(err)
		}
	}
	return o
}

// sshd runs a real one that lets the key in, with its usual records of logins.
func (o ordinary) sshd(w *world, key string) {
	w.t.Helper()
	public, err := os.ReadFile(key + ".pub")
	must(w.t, err)
	must(w.t, w.Inside("web", func() error {
		if err := os.MkdirAll("/root/.ssh", 0o700); err != nil {
			return err
		}
		if err := os.WriteFile("/root/.ssh/authorized_keys", public, 0o600); err != nil {
			return err
		}
		return os.MkdirAll("/run/sshd", 0o755)
	}))
	if out, err := w.Run(within(w.t, patience), "web", "ssh-keygen", "-A"); err != nil {
		w.t.Fatalf("ssh-keygen -A: %v: %s", err, out)
	}
	if _, err := w.Start("web", "/usr/sbin/sshd", "-D", "-e", "-o", "PermitRootLogin=prohibit-password", "-o", "UseDNS=no"); err != nil {
		w.t.Fatal(err)
	}
	if err := w.WaitListening(within(w.t, patience), "web", 22); err != nil {
		w.t.Fatal(err)
	}
}

// done counts what was done so far, a line each.
func (o ordinary) done() (list []int) {
	for _, kind := range o.kinds() {
		text, _ := os.ReadFile(filepath.Join(o.dir, kind, "n")) // none yet is none
		list = append(list, bytes.Count(text, []byte("\n")))
	}
	return list
}

func (o ordinary) since(before, after []int) string {
	var list []string
	for i, kind := range o.kinds() {
		list = append(list, fmt.Sprintf("%d %s", after[i]-before[i], kind))
	}
	return strings.Join(list, ", ")
}

// discovered are the documents that came and differed from those before.
func (w *world) discovered(from time.Time) []event.Event {
	w.t.Helper()
	out, err := w.Assim(within(w.t, patience), "events", "-all", "-json", "-n", "10000")
	if err != nil {
		w.t.Fatal(err)
	}
	var list []event.Event
	for line := range bytes.Lines(out) {
		var e event.Event
		if err := json.Unmarshal(line, &e); err != nil {
			w.t.Fatalf("%v: %s", err, line)
		}
		if e.Kind == event.Discovered && e.At.After(from) {
			list = append(list, e)
		}
	}
	return list
}

// difference tells the lines that a document gained and lost.
func (w *world) difference(e event.Event) string {
	w.t.Helper()
	lines := func(at time.Time) []string {
		out, err := w.Assim(within(w.t, patience), "docs", e.Name, e.Detail["type"], "-at", at.Format(time.RFC3339Nano))
		if err != nil {
			w.t.Logf("%s of %s at %v: %v", e.Detail["type"], e.Name, at, err)
		}
		return strings.Split(string(out), "\n")
	}
	before, after := lines(e.At.Add(-time.Millisecond)), lines(e.At.Add(time.Millisecond))
	var said []string
	for _, l := range after {
		if !slices.Contains(before, l) {
			said = append(said, "+"+strings.TrimSpace(l))
		}
	}
	for _, l := range before {
		if !slices.Contains(after, l) {
			said = append(said, "-"+strings.TrimSpace(l))
		}
	}
	const shown = 12
	if len(said) > shown {
		said = append(said[:shown], fmt.Sprintf("and %d more", len(said)-shown))
	}
	return strings.Join(said, " ")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
