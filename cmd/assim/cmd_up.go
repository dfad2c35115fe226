package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"assim/api"
	"assim/event"
)

// Limits of bringing a machine up.
const (
	upLimit   = 60 * time.Second // until the picture is complete
	stopLimit = 10 * time.Second // for a child to end after SIGTERM
)

// firstDocuments are the discovery types without which a picture is not complete.
var firstDocuments = []string{"os", "netconfig", "listeners", "connections"}

type upSettings struct {
	Data       string   `name:"data" default:"/var/lib/assim" usage:"directory for the graph and the keys"`
	Run        string   `name:"run" default:"/run/assim" usage:"directory for the local sockets"`
	Once       bool     `name:"once" usage:"print the picture and stop everything again"`
	CMAFlags   []string `name:"cma-flags" usage:"more flags for cma, comma-separated"`
	ProbeFlags []string `name:"nanoprobe-flags" usage:"more flags for nanoprobe, comma-separated"`
}

func upCommand() command {
	set := &upSettings{}
	return command{
		name: "up", short: "start a CMA and a nanoprobe on this machine and show what they find",
		long:     "Everything runs until Ctrl-C. A second start continues with the same data.",
		examples: "  assim up\n  assim up -data ./graph\n  assim up -once",
		settings: set, offline: true,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 0 {
				return usagef("up takes no arguments")
			}
			return a.up(ctx, *set)
		},
	}
}

func (a *app) up(ctx context.Context, set upSettings) (err error) {
	socket := filepath.Join(set.Run, api.SocketName)
	if a.client, err = api.NewClient(socket); err != nil {
		return err
	}
	if _, err := a.client.Status(ctx); err == nil {
		return fmt.Errorf("a CMA already runs on this machine (%s answers): ask it with assim systems; "+
			"a second one wants directories and a port of its own: assim up -data DIR -run DIR -cma-flags=-listen=:2984", socket)
	}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, upLimit)
	defer cancel()
	cma, err := startChild(set.Data, "cma", append([]string{"-data", filepath.Join(set.Data, "cma"), "-run", set.Run}, set.CMAFlags...))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cma.stop()) }()
	if err := a.step(limited, start, "the CMA answers", cma, func() (bool, error) {
		_, err := a.client.Status(limited)
		return err == nil, nil
	}); err != nil {
		return err
	}
	probe, err := startChild(set.Data, "nanoprobe", append([]string{"-data", filepath.Join(set.Data, "nanoprobe"), "-run", set.Run}, set.ProbeFlags...))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, probe.stop()) }()
	name, err := a.waitForPicture(limited, start, probe)
	if err != nil {
		return err
	}
	if err := a.picture(limited, name); err != nil {
		return err
	}
	a.tryNext(name, set.Run)
	if set.Once {
		return nil
	}
	return a.stay(ctx, cma, probe)
}

// waitForPicture waits until the graph holds this machine and returns its name.
func (a *app) waitForPicture(ctx context.Context, start time.Time, probe *child) (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	err = a.step(ctx, start, "the nanoprobe of "+host+" has joined", probe, func() (bool, error) {
		r, err := a.client.Query(ctx, api.QueryRequest{
			Query: "MATCH (s:System {name: $name}) WHERE s.status = 'up' RETURN s.id", Params: map[string]any{"name": host}})
		return len(r.Rows) > 0, err
	})
	if err != nil {
		return "", err
	}
	for _, typ := range firstDocuments {
		if err := a.step(ctx, start, typ+" is in the graph", probe, func() (bool, error) {
			docs, err := a.client.Docs(ctx, host, typ, time.Time{})
			return len(docs) > 0, err
		}); err != nil {
			return "", err
		}
	}
	return host, a.step(ctx, start, "it has its place in the rings", probe, func() (bool, error) {
		r, err := a.client.Query(ctx, api.QueryRequest{
			Query: "MATCH (s:System {name: $name})-[:MEMBER_OF]->(r:Ring) RETURN r", Params: map[string]any{"name": host}})
		return len(r.Rows) > 0, err
	})
}

// step waits until done says so, shows what it waits for, and gives up when
// the child that should do it ends or time runs out.
func (a *app) step(ctx context.Context, start time.Time, what string, c *child, done func() (bool, error)) error {
	for {
		ok, err := done()
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("waiting until %s: %w", what, err)
		}
		if ok {
			fmt.Fprintf(a.out, "%s %5.1f s  %s\n", a.paint("✓", "\x1b[32m"), time.Since(start).Seconds(), what)
			return nil
		}
		select {
		case <-c.ended:
			return c.explain()
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err() // Ctrl-C
			}
			return fmt.Errorf("gave up waiting until %s; the last words of %s: %s (all of them: %s)", what, c.name, c.lastWords(), c.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

const listensQuery = `
MATCH (s:System)-[:RUNS]->(p:Process)-[:LISTENS_ON]->(e:Endpoint)
RETURN s.name AS system, p.name AS process, p.user AS user, e.proto AS proto, collect(DISTINCT e.addr) AS addresses, e.port AS port
ORDER BY system, process, port LIMIT 60`

const talksQuery = `
MATCH (s:System)-[:RUNS]->(p:Process)-[:CONNECTS_TO]->(e:Endpoint)
OPTIONAL MATCH (e)<-[:LISTENS_ON]-(q:Process)<-[:RUNS]-(t:System)
RETURN s.name AS system, p.name AS client, e.addr AS addr, e.port AS port, q.name AS server, t.name AS on
ORDER BY system, client, addr, port LIMIT 60`

// picture prints what the graph knows: systems, networks, services, talk, rings.
func (a *app) picture(ctx context.Context, host string) error {
	parts := []struct{ title, query, none string }{
		{"Systems", systemsQuery, ""},
		{"Interfaces", `
MATCH (s:System)-[:HAS_NIC]->(n:NIC) OPTIONAL MATCH (n)-[:HAS_IP]->(ip:IPAddr)
RETURN s.name AS system, n.ifname AS nic, n.mac AS mac, n.carrier AS carrier, collect(ip.addr) AS addresses ORDER BY system, nic LIMIT 60`, "none but the loopback"},
		{"Who listens where", listensQuery, "nobody listens here"},
		{"Which process talks to which", talksQuery, "no connections at the moment; the picture follows them as they come"},
	}
	for _, p := range parts {
		r, err := a.client.Query(ctx, api.QueryRequest{Query: p.query})
		if err != nil {
			return fmt.Errorf("%s: %w", p.title, err)
		}
		a.heading("%s", p.title)
		if len(r.Rows) == 0 {
			fmt.Fprintln(a.out, "  "+p.none)
			continue
		}
		a.table(r.Columns, r.Rows)
	}
	r, err := a.client.Query(ctx, api.QueryRequest{Query: ringsQuery})
	if err != nil {
		return err
	}
	a.ringsText(groupRings(r.Rows))
	return nil
}

// tryNext tells what to type in another terminal, so that it works there.
func (a *app) tryNext(host, run string) {
	a.heading("What to try next, in another terminal")
	if run != api.DefaultRun {
		if whole, err := filepath.Abs(run); err == nil {
			run = whole
		}
		fmt.Fprintf(a.out, "  export ASSIM_CMA=%s\n", filepath.Join(run, api.SocketName))
	}
	self := ownName()
	for _, try := range [][2]string{
		{"system " + host, "everything about this machine"},
		{"events -f", "news as it happens"},
		{"query", "the canned questions"},
		{"query 'MATCH (p:Process)-[:LISTENS_ON]->(e:Endpoint) RETURN DISTINCT p.name, e.port'", ""},
		{"join-token create", "a string with which other systems join: nanoprobe -join 'assim1:…'"},
	} {
		fmt.Fprintln(a.out, strings.TrimRight(fmt.Sprintf("  %s %-24s %s", self, try[0], try[1]), " "))
	}
}

// ownName is how this program is called from where we are.
func ownName() string {
	exe, err := os.Executable()
	if err != nil {
		return "assim"
	}
	if found, err := exec.LookPath("assim"); err == nil {
		if found, err = filepath.EvalSymlinks(found); err == nil && found == exe {
			return "assim"
		}
	}
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, exe); err == nil && !strings.HasPrefix(rel, "..") {
			return "./" + rel
		}
	}
	return exe
}

// stay prints news until Ctrl-C or until one of the children ends by itself.
func (a *app) stay(ctx context.Context, children ...*child) error {
	fmt.Fprintln(a.out, "\nRunning; news appears here. Ctrl-C stops everything.")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	page, err := a.client.Events(ctx, 0, 1)
	if err != nil {
		return err
	}
	followed := make(chan error, 1)
	go func() {
		followed <- a.client.Follow(ctx, page.Next, func(e event.Event) error {
			if e.Kind == event.Discovered {
				return nil
			}
			return a.event(e)
		})
	}()
	select {
	case <-children[0].ended:
		err = children[0].explain()
	case <-children[1].ended:
		err = children[1].explain()
	case err = <-followed:
	}
	cancel()
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(a.out, "\nStopping.")
		return nil
	}
	return err
}

// child is a daemon that this command started.
type child struct {
	name, log string
	from      int64 // where in the log its words begin
	cmd       *exec.Cmd
	ended     chan struct{} // closed when it has
	err       error         // valid after ended
}

// startChild starts a program that lies beside this one; its output goes to a
// file in dir.
func startChild(dir, name string, args []string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s should lie beside %s: build all three with make build", name, self)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the directory for the graph and the keys: %w; choose another with -data", err)
	}
	log, from, err := openLog(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("the directory for the graph and the keys: %w; choose another with -data", err)
	}
	defer log.Close()
	c := &child{name: name, log: log.Name(), from: from, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	// Its own process group, so that a Ctrl-C in the terminal reaches only us
	// and we stop the two in the right order; it dies when we do.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// maxLog is how long a child's log of earlier times may be to be kept.
const maxLog = 1 << 20

// openLog opens a child's log to add to it: another one may be writing there, if
// somebody starts it a second time.
func openLog(path string) (f *os.File, from int64, err error) {
	if f, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() > maxLog {
		return f, 0, f.Truncate(0)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// stop ends the child in order, by force when it does not listen.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-c.ended:
		return nil
	case <-time.After(stopLimit):
		_ = c.cmd.Process.Kill()
		<-c.ended
		return fmt.Errorf("%s did not stop within %s and was killed; see %s", c.name, stopLimit, c.log)
	}
}

// explain returns why a child ended, in its own last words. What they say of its
// flags is for whoever starts it himself.
func (c *child) explain() error {
	words := c.lastWords()
	if strings.Contains(words, "-listen") {
		words += " (here: assim up -cma-flags=-listen=:2984)"
	}
	return fmt.Errorf("%s ended (%v): %s", c.name, c.err, words)
}

// lastWords is the last line that a child wrote.
func (c *child) lastWords() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text[min(c.from, int64(len(text))):])), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return "it said nothing"
}
