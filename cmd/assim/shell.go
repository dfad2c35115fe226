package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/chzyer/readline"
	"golang.org/x/sys/unix"

	"assim/api"
)

const (
	shellHistory  = 1000 // statements kept
	promptFirst   = "assim> "
	promptFurther = "   ..> "
)

// liner gives the lines that a person types.
type liner interface {
	Readline() (string, error)
	SetPrompt(string)
	SaveHistory(string) error
}

// shell answers questions until the person leaves.
type shell struct {
	*app
	set     querySettings
	names   names
	lines   liner
	errs    io.Writer
	pending string // lines of a statement that is not complete
}

// shellCommand is what begins with a colon.
type shellCommand struct{ name, args, short string }

var shellCommands = []shellCommand{
	{"help", "", "this"},
	{"queries", "", "the canned questions"},
	{"schema", "[NAME]", "what the graph is made of, or one label or relationship of it"},
	{"at", "[TIME]", "ask about a past moment, RFC 3339 or a duration ago; without TIME about now"},
	{"limit", "[N]", "rows at most; without N as many as the CMA gives"},
	{"quit", "", "leave (also Ctrl-D)"},
}

// interactive reports whether a person sits at both ends.
func (a *app) interactive() bool {
	_, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS)
	return err == nil && a.width > 0
}

// shell runs a shell on the terminal.
func (a *app) shell(ctx context.Context, set querySettings) error {
	n, err := a.usedNames(ctx)
	if err != nil {
		return err
	}
	sh := &shell{app: a, set: set, names: n, errs: os.Stderr}
	complete := &completing{shell: sh}
	rl, err := readline.NewEx(&readline.Config{
		Prompt: promptFirst, HistoryFile: historyFile(), HistoryLimit: shellHistory, DisableAutoSaveHistory: true,
		AutoComplete: complete, FuncFilterInputRune: complete.pressed, InterruptPrompt: "^C",
	})
	if err != nil {
		return fmt.Errorf("the terminal: %w", err)
	}
	complete.op.Store(rl.Operation)
	// Close would wait for a key that nobody presses; the terminal is as before by this.
	defer func() { _ = rl.Terminal.ExitRawMode() }()
	sh.lines = rl
	fmt.Fprintf(a.out, "%d canned questions; Cypher ends with a semicolon, Tab completes, :help tells more.\n", len(n.canned))
	// Ctrl-C ends a question, not the shell.
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	defer context.AfterFunc(ctx, func() { _ = rl.Close() })()
	return sh.run(ctx)
}

// usedNames asks the CMA for the names that are in use.
func (a *app) usedNames(ctx context.Context) (names, error) {
	n := schemaNames()
	var err error
	if n.canned, err = a.client.Queries(ctx); err != nil {
		return n, err
	}
	for _, used := range []struct {
		call string
		list *[]string
	}{{"labels", &n.labels}, {"relationshipTypes", &n.types}, {"propertyKeys", &n.props}} {
		r, err := a.client.Query(ctx, api.QueryRequest{Query: "CALL db." + used.call + "()"})
		if err != nil {
			return n, err
		}
		for _, row := range r.Rows {
			if name, ok := row[0].(string); ok && name != "" {
				*used.list = append(*used.list, name)
			}
		}
	}
	n.sort()
	n.values = func(typ, prefix string) []string {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), completionTime) // Ctrl-C may have ended a question before
		defer cancel()
		list, err := a.client.Complete(ctx, typ, prefix)
		if err != nil {
			return nil // a person who presses Tab wants no error
		}
		return list
	}
	return n, nil
}

// completionTime is how long a person waits for values after Tab.
const completionTime = 2 * time.Second

// historyFile is where statements are kept for the next time; empty: nowhere.
func historyFile() string {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	path := filepath.Join(dir, "assim", "history")
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return ""
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600) // only its owner reads it
	if err != nil {
		return ""
	}
	if f.Close() != nil {
		return ""
	}
	return path
}

// completing fits names to readline, which asks again after every key once Tab
// has shown a choice: a person who types on wants no more of it.
type completing struct {
	*shell
	key rune // pressed last
	op  atomic.Pointer[readline.Operation]
}

// pressed sees every key first. Ctrl-C forgets the line, whether or not a choice
// is shown.
func (c *completing) pressed(key rune) (rune, bool) {
	c.key = key
	if op := c.op.Load(); op != nil && key == readline.CharInterrupt {
		op.ExitCompleteMode(false)
	}
	return key, true
}

// Do returns what may follow the cursor.
func (c *completing) Do(line []rune, pos int) ([][]rune, int) {
	if c.key != readline.CharTab {
		return nil, 0
	}
	options, have := c.names.complete(c.pending + string(line[:pos]))
	rest := make([][]rune, len(options))
	for i, o := range options {
		rest[i] = []rune(o)[have:]
	}
	return rest, have
}

// run reads and answers until the person leaves or ctx ends.
func (s *shell) run(ctx context.Context) error {
	for ctx.Err() == nil {
		line, err := s.lines.Readline()
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			s.begin()
			continue
		case err != nil: // Ctrl-D, or the terminal is gone
			return nil
		}
		if s.line(ctx, line) {
			return nil
		}
	}
	return nil
}

// begin forgets what was typed of a statement.
func (s *shell) begin() {
	s.pending = ""
	s.lines.SetPrompt(promptFirst)
}

// line takes one line in and reports whether the person leaves.
func (s *shell) line(ctx context.Context, line string) (leave bool) {
	text := strings.TrimSpace(s.pending + line)
	switch {
	case text == "" || text == ";":
		s.begin()
		return false
	case strings.TrimSpace(line) == "":
		fmt.Fprintln(s.out, "The question goes on until a semicolon; Ctrl-C forgets it.")
		return false
	case s.pending == "" && text[0] == ':':
		s.remember(text)
		return s.command(ctx, text[1:])
	case s.pending == "" && bareCommand(text):
		return s.command(ctx, text)
	case s.pending == "" && s.names.question(strings.TrimSuffix(firstWord(text), ";")) != nil, ended(text):
		s.remember(text)
		s.begin()
		s.ask(ctx, text)
		return false
	}
	s.pending += line + "\n"
	s.lines.SetPrompt(promptFurther)
	return false
}

// bareCommand reports whether people who forget the colon mean a command: no
// question begins so.
func bareCommand(text string) bool {
	switch strings.ToLower(strings.TrimSuffix(text, ";")) {
	case "help", "quit", "exit", "?", `\q`:
		return true
	}
	return false
}

// remember keeps a statement on one line, if it can stand there.
func (s *shell) remember(text string) {
	if strings.Contains(text, "//") && strings.Contains(text, "\n") {
		return
	}
	if err := s.lines.SaveHistory(strings.ReplaceAll(text, "\n", " ")); err != nil {
		fmt.Fprintln(s.errs, "history:", err)
	}
}

// ask puts one question; Ctrl-C ends it.
func (s *shell) ask(ctx context.Context, text string) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	var args []string
	if s.names.question(strings.TrimSuffix(firstWord(text), ";")) != nil {
		words := strings.Fields(strings.TrimSuffix(text, ";"))
		text, args = words[0], words[1:]
	} else {
		text += "\n" // so that a text of one word is Cypher, not a name
	}
	s.say(s.query(ctx, s.set, text, args))
}

// say prints an error as the command itself would.
func (s *shell) say(err error) {
	if errors.Is(err, context.Canceled) {
		err = errors.New("ended")
	}
	report(err, s.errs)
}

func (s *shell) command(ctx context.Context, text string) (leave bool) {
	name, arg, _ := strings.Cut(strings.TrimSuffix(text, ";"), " ")
	arg = strings.TrimSpace(arg)
	switch strings.ToLower(name) {
	case "quit", "exit", "q", `\q`:
		return true
	case "help", "h", "?", "":
		rows := make([][]any, len(shellCommands))
		for i, c := range shellCommands {
			rows[i] = []any{":" + c.name, c.args, c.short}
		}
		s.table([]string{"command", "argument", "does"}, rows)
		fmt.Fprintln(s.out, "A canned question runs by its name: NAME ARG=VALUE. Cypher may take several lines and ends with a semicolon.")
	case "queries":
		s.say(s.listQueries(ctx))
	case "schema":
		labels, rels, err := schemaOf(arg)
		if s.say(err); err == nil {
			s.schema(labels, rels)
		}
	case "at":
		_, err := moment(arg, time.Now())
		if s.say(err); err == nil {
			s.set.At = arg
		}
	case "limit":
		n, err := strconv.Atoi(arg)
		if arg != "" && (err != nil || n < 0) {
			s.say(usagef("%q is no number of rows", arg))
			break
		}
		s.set.Limit = n
	default:
		s.say(usagef("there is no :%s; :help lists what there is", name))
	}
	return false
}
