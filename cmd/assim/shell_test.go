package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chzyer/readline"
	"golang.org/x/sys/unix"

	"assim/api"
	"assim/graph"
	"assim/graph/graphtest"
	"assim/query"
)

// asMain makes the test's program be assim.
const asMain = "ASSIM_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// served returns the socket of a face over a graph of two systems.
func served(t *testing.T) string {
	t.Helper()
	store := graphtest.NewMem()
	system := func(id, name, status string) graph.Node {
		return graph.Node{Key: graph.Key{Label: graph.System, ID: id}, Props: graph.P("id", id, "name", name, "status", status, "nanoprobe", true)}
	}
	if _, err := store.Apply(t.Context(), graph.Change{Source: "test", Nodes: []graph.Node{system("n-1", "web", "up"), system("n-2", "d,b", "dead")}}); err != nil {
		t.Fatal(err)
	}
	return serve(t, store)
}

// serve returns the socket of a face over a store.
func serve(t *testing.T, store graph.Store) string {
	t.Helper()
	queries, err := query.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), api.SocketName)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: (&api.Server{Store: store, Queries: queries}).Handler()}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { _ = server.Close(); running.Wait() })
	return path
}

// typist is a person who types what is given.
type typist struct {
	lines   []string
	prompts []string
	history []string
}

func (s *typist) Readline() (string, error) {
	if len(s.lines) == 0 {
		return "", io.EOF
	}
	line := s.lines[0]
	s.lines = s.lines[1:]
	if line == "^C" {
		return "", readline.ErrInterrupt
	}
	return line, nil
}
func (s *typist) SetPrompt(p string)            { s.prompts = append(s.prompts, p) }
func (s *typist) SaveHistory(line string) error { s.history = append(s.history, line); return nil }

// typed runs a shell in which the lines are typed.
func typed(t *testing.T, lines ...string) (out, errs string, s *typist) {
	t.Helper()
	client, err := api.NewClient(served(t))
	if err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	a := &app{client: client, out: &o}
	n, err := a.usedNames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s = &typist{lines: lines}
	sh := &shell{app: a, names: n, lines: s, errs: &e}
	if err := sh.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), s
}

func TestAQuestionMayTakeSeveralLines(t *testing.T) {
	out, errs, s := typed(t, "MATCH (s:System)", "WHERE s.status = 'dead' // not up", "RETURN s.name AS name", ";")
	if errs != "" || !strings.Contains(out, "d,b") || strings.Contains(out, "web") {
		t.Errorf("got %q and %q", out, errs)
	}
	if s.prompts[0] != promptFurther || s.prompts[len(s.prompts)-1] != promptFirst {
		t.Errorf("the prompts were %q", s.prompts)
	}
	if _, _, s = typed(t, "RETURN 1", "AS x;"); len(s.history) != 1 || s.history[0] != "RETURN 1 AS x;" {
		t.Errorf("kept for next time: %q", s.history)
	}
}

func TestWhoForgetsTheColonOrTheSemicolonIsHelped(t *testing.T) {
	out, errs, s := typed(t, "help", "RETURN 6 AS", "", "six;", "EXIT", "RETURN 9 AS nine;")
	for _, want := range []string{":limit", "until a semicolon", "6"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if errs != "" || len(s.lines) != 1 {
		t.Errorf("%q; after EXIT %d lines are left", errs, len(s.lines))
	}
}

func TestCtrlCForgetsWhatWasTyped(t *testing.T) {
	out, errs, _ := typed(t, "RETURN 7 AS", "^C", "RETURN 8 AS eight; // not nine")
	if errs != "" || strings.Contains(out, "7") || !strings.Contains(out, "8") {
		t.Errorf("got %q and %q", out, errs)
	}
}

func TestAMistakeDoesNotEndTheShell(t *testing.T) {
	out, errs, _ := typed(t, "MATCH (s:System RETURN s;", ":at yesterday", ":nonsense", "findip ip=x", "RETURN 5 AS five;")
	for _, want := range []string{"^", "neither a time", ":help", `"x"`} {
		if !strings.Contains(errs, want) {
			t.Errorf("the errors lack %q:\n%s", want, errs)
		}
	}
	if !strings.Contains(out, "5") {
		t.Errorf("the last question was not answered: %q", out)
	}
}

func TestTheShellKnowsItsCommands(t *testing.T) {
	out, errs, s := typed(t, ":help", ":schema NIC", ":limit 1", "MATCH (s:System) RETURN s.name AS name ORDER BY name;", "allservers", ":quit", "RETURN 9 AS nine;")
	for _, want := range []string{":limit", "HAS_NIC", "raise -limit", "d,b"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if errs != "" || len(s.lines) != 1 {
		t.Errorf("%q; after :quit %d lines are left", errs, len(s.lines))
	}
	for _, c := range shellCommands {
		if _, errs, _ := typed(t, ":"+c.name); errs != "" {
			t.Errorf(":%s: %s", c.name, errs)
		}
	}
}

func TestAPathReadsAsItIsWalked(t *testing.T) {
	store := graphtest.NewMem()
	system := func(id string) graph.Node {
		return graph.Node{Key: graph.Key{Label: graph.System, ID: id}, Props: graph.P("name", "host "+id)}
	}
	change := graph.Change{Source: "test", Nodes: []graph.Node{system("a"), system("b")}, Rels: []graph.Rel{
		{From: system("a").Key, Type: graph.DependsOn, To: system("b").Key}, {From: graph.Key{Label: graph.NIC, ID: "b/eth0"}, Type: graph.Contests, To: system("b").Key}}}
	if _, err := store.Apply(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"query", "MATCH p = (:System {name: 'host a'})-->()<--(:NIC) RETURN p", "-cma", serve(t, store)}, &out, &errs)
	if want := "System:host a -DEPENDS_ON-> System:host b <-CONTESTS- NIC:b/eth0\n1 row,"; code != exitOK || !strings.Contains(out.String(), want) {
		t.Errorf("exit %d, %s\n%s\nwant %q", code, errs.String(), out.String(), want)
	}
}

func TestAnswersComeAsCSVAndAsLines(t *testing.T) {
	socket := served(t)
	const q = "MATCH (s:System) RETURN s.name AS name, s.status AS status, s.none AS none, [1, 2] AS list, s ORDER BY s.id"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-csv"}, "name,status,none,list,s\nweb,up,,\"[1,2]\",\"{\"\"_key\"\":\"\"System:n-1\"\""},
		{[]string{"-csv"}, "\n\"d,b\",dead,,"},
		{[]string{"-template", `${name}\t${status} ${none} ${list} ${s}`}, "web\tup - 1, 2 System:web\nd,b\tdead"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"query", q, "-cma", socket}, c.args...), &out, &errs); code != exitOK || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: exit %d, %s\n%s\nwant %q", c.args, code, errs.String(), out.String(), c.want)
		}
	}
	var out, errs bytes.Buffer
	var asJSON api.QueryResult
	if code := run(t.Context(), []string{"query", q, "-cma", socket, "-json"}, &out, &errs); code != exitOK || json.Unmarshal(out.Bytes(), &asJSON) != nil ||
		!slices.Equal(asJSON.Columns, []string{"name", "status", "none", "list", "s"}) || len(asJSON.Rows) != 2 || asJSON.Rows[1][0] != "d,b" || asJSON.Rows[0][2] != nil {
		t.Errorf("-json: exit %d, %s\n%s", code, errs.String(), out.String())
	}
	if code := run(t.Context(), []string{"query", q, "-cma", socket, "-template", "${nme}"}, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "the columns are name, status") {
		t.Errorf("a column that is not there: exit %d, %s", code, errs.String())
	}
	if code := run(t.Context(), []string{"query", q, "-cma", socket, "-lines"}, &out, &errs); code != exitUsage {
		t.Errorf("-lines with Cypher: exit %d", code)
	}
	out.Reset()
	if code := run(t.Context(), []string{"query", "down", "-cma", socket, "-lines"}, &out, &errs); code != exitOK || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("-lines: exit %d, %q, %s", code, out.String(), errs.String())
	}
}

// slow is a question that nobody waits for.
const slow = "UNWIND range(1, 30000) AS x UNWIND range(1, 30000) AS y WITH x, y WHERE x + y = 0 RETURN count(*);"

// typedOn is typed where Tab has just shown a choice, and wants no other.
const typedOn = ", s"

// terminalOf opens a pseudo-terminal; see pts(4).
func terminalOf(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here, so the shell is not tried on one: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200}); err != nil {
		t.Fatal(err)
	}
	return person, program
}

func TestOnARealTerminalTabCompletesAndHistoryStays(t *testing.T) {
	person, program := terminalOf(t)
	defer person.Close()
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "query", "-cma", served(t))
	cmd.Env = append(os.Environ(), asMain+"=1", "XDG_STATE_HOME="+home, "TERM=xterm", "NO_COLOR=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	program.Close()
	screen := newScreen(person)
	screen.waitFor(t, promptFirst, func() {})
	for _, step := range []struct{ keys, shows string }{
		{"MATCH (s:Sys\t", "MATCH (s:System"},
		{") WHERE s.status = 'dead'\r", promptFurther},
		{"RETURN s.name AS dead;\r", "d,b…" + promptFirst},
		{"\x03", "^C…" + promptFirst}, // Ctrl-C
		{"\x1b[A", "RETURN s.name AS dead;"},
		{"\x03", "^C…" + promptFirst},
		{slow + "\r", "count(*);\r\n"},
		{"\x03", "ended…" + promptFirst}, // the question, not the shell; pressed until it has begun
		{"MATCH (s:System) RETURN s.na\t", "nanoprobe…RETURN s.na"},
		{typedOn, "RETURN s.na, s"},
		{"\x03", "^C…" + promptFirst},
		{"MATCH (n:\t", "VirtualMachine"},
		{"\x03", "^C…" + promptFirst}, // the choice and the line
		{"hostipports host=w\t", "host=web"},
		{"\x03", "^C…" + promptFirst},
	} {
		screen.forget()
		press := func() {
			if _, err := person.WriteString(step.keys); err != nil {
				t.Fatal(err)
			}
		}
		press()
		if !strings.HasPrefix(step.shows, "ended") {
			press = func() {}
		}
		screen.waitFor(t, step.shows, press)
		if step.keys == typedOn && screen.has("UNWIND") {
			t.Error("a choice is shown again after every key")
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := leave(t, person, ended); err != nil {
		t.Errorf("it ended with %v", err)
	}
	kept, err := os.ReadFile(filepath.Join(home, "assim", "history"))
	if err != nil || !strings.Contains(string(kept), "MATCH (s:System) WHERE s.status = 'dead' RETURN s.name AS dead;") {
		t.Errorf("the history is %q, %v", kept, err)
	}
	if info, err := os.Stat(filepath.Join(home, "assim", "history")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others read the history: %v, %v", info.Mode(), err)
	}
}

// leave presses Ctrl-D until the program has ended: the terminal swallows it in
// the moment between two prompts.
func leave(t *testing.T, person *os.File, ended <-chan error) error {
	t.Helper()
	impatient := time.NewTicker(time.Second)
	defer impatient.Stop()
	for {
		if _, err := person.WriteString("\x04"); err != nil {
			return <-ended // so soon that nobody takes the key
		}
		select {
		case err := <-ended:
			return err
		case <-impatient.C:
		}
	}
}

// screen is what a person sees.
type screen struct {
	more chan struct{}
	mu   sync.Mutex
	text bytes.Buffer
	end  error
}

func newScreen(from io.Reader) *screen {
	s := &screen{more: make(chan struct{}, 1)}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := from.Read(buf)
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.end = err
			s.mu.Unlock()
			select {
			case s.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *screen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Reset()
}

func (s *screen) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), text)
}

// waitFor waits until something is shown, one part after the other, and does again what may bring it.
func (s *screen) waitFor(t *testing.T, want string, again func()) {
	t.Helper()
	impatient := time.NewTicker(time.Second)
	defer impatient.Stop()
	deadline := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		text, end := s.text.String(), s.end
		s.mu.Unlock()
		rest, shown := text, true
		for part := range strings.SplitSeq(want, "…") {
			if _, rest, shown = strings.Cut(rest, part); !shown {
				break
			}
		}
		if shown {
			return
		}
		if end != nil && !errors.Is(end, os.ErrDeadlineExceeded) {
			t.Fatalf("the terminal ended before it showed %q: %v\n%q", want, end, text)
		}
		select {
		case <-s.more:
		case <-impatient.C:
			again()
		case <-deadline:
			t.Fatalf("the terminal never showed %q, only\n%q", want, text)
		}
	}
}
