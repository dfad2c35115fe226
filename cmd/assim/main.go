// Command assim is the operator's: it asks the CMA and prints what it says.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"assim/api"
	"assim/config"
	"assim/version"
)

// Exit codes, also in the help text.
const (
	exitOK      = 0
	exitFailed  = 1 // the answer is no: not found, refused, an error
	exitUsage   = 2 // the command line is not understood
	exitNoCMA   = 3 // no CMA answered
	exitTrouble = 4 // status only: the CMA answers, and something is wrong with it
)

// command is one subcommand.
type command struct {
	name, args, short string
	long              string // more for its -h
	examples          string
	run               func(ctx context.Context, a *app, args []string) error
	settings          any // pointer to its own settings struct, or nil
	offline           bool
}

// commands is the one list of subcommands; groups shows them.
func commands() []command {
	return []command{
		systemsCommand(), systemCommand(), incidentsCommand(), eventsCommand(), ringsCommand(),
		queryCommand(), docsCommand(), statusCommand(), joinTokenCommand(), operatorCommand(), upCommand(),
		pendingCommand(), acceptCommand(), refuseCommand(), revokeCommand(), pardonCommand(), rotateCommand(), recoveryCommand(),
		decodeCommand(), graphCommand(), diffCommand(), schemaCommand(),
		backupCommand(), restoreCommand(), checkCommand(), storeCommand(), reindexCommand(),
	}
}

// common are the settings every subcommand has.
type common struct {
	CMA  string `name:"cma" usage:"CMA to ask: a socket, or a string of assim operator create (default: this machine's)"`
	JSON bool   `name:"json" usage:"print JSON for programs instead of tables for people"`
}

// app is what a subcommand works with.
type app struct {
	common
	client *api.Client
	out    io.Writer
	color  bool // out is a terminal that wants color
	width  int  // of the terminal; 0 when out is none
}

// errTrouble makes a command exit with exitTrouble after it has printed.
var errTrouble = errors.New("")

// usageError is a command line that is not understood.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		overview(errs)
		return exitUsage
	}
	switch strings.TrimLeft(args[0], "-") {
	case "h", "help":
		if len(args) > 1 {
			return run(ctx, []string{args[1], "-h"}, out, errs)
		}
		overview(out)
		return exitOK
	case "version":
		fmt.Fprintln(out, version.String("assim"))
		return exitOK
	}
	cmd, err := find(args[0])
	if err == nil {
		err = cmd.start(ctx, args[1:], out)
	}
	return report(err, errs)
}

// report prints an error for a person and turns it into an exit code.
func report(err error, errs io.Writer) int {
	var usage usageError
	switch {
	case err == nil, errors.Is(err, config.ErrHelp), errors.Is(err, context.Canceled):
		return exitOK
	case errors.Is(err, errTrouble):
		return exitTrouble
	}
	fmt.Fprintln(errs, "assim:", strings.TrimPrefix(err.Error(), "assim: "))
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, api.ErrNoCMA):
		return exitNoCMA
	}
	return exitFailed
}

func find(name string) (command, error) {
	var names []string
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	hint := "; see assim -h"
	if near := config.Nearest(name, names); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return command{}, usagef("there is no command %q%s", name, hint)
}

// start reads the settings of a subcommand and runs it.
func (c command) start(ctx context.Context, args []string, out io.Writer) error {
	a := &app{out: out}
	a.color, a.width = terminal(out)
	p := config.Program{
		Name: "assim", Command: c.name, Version: version.String("assim"),
		Synopsis: fmt.Sprintf("Usage: assim %s %s\n\n%s", c.name, c.args, strings.TrimSpace(c.short+"\n\n"+c.long)),
		Examples: c.examples,
	}
	into := []any{&a.common}
	if c.settings != nil {
		into = append(into, c.settings)
	}
	rest, err := config.Load(p, into, args, out)
	if err != nil {
		if errors.Is(err, config.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if !c.offline {
		if a.client, err = api.NewClient(a.CMA); err != nil {
			return err
		}
	}
	return c.run(ctx, a, rest)
}

// groups are the subcommands as -h shows them: by what a person wants to do.
var groups = []struct{ title, names string }{
	{"To begin", "up join-token operator"},
	{"What is", "systems system rings query docs schema"},
	{"What happens", "incidents events diff status"},
	{"Who is in, and the keys", "pending accept refuse revoke pardon rotate recovery-key"},
	{"The store", "backup restore check store reindex"},
	{"For authors of discovery types", "decode graph"},
}

func overview(out io.Writer) {
	fmt.Fprint(out, `assim asks the CMA: what runs here, what depends on what, what just broke.

Usage: assim COMMAND [ARGUMENTS] [SETTINGS]
`)
	all := commands()
	for _, g := range groups {
		fmt.Fprintf(out, "\n%s\n", g.title)
		for _, name := range strings.Fields(g.names) {
			for _, c := range all {
				if c.name == name {
					fmt.Fprintf(out, "  %-13s %s\n", c.name, c.short)
				}
			}
		}
	}
	fmt.Fprint(out, `
assim COMMAND -h tells more of one. All take -json for programs and -cma for
another CMA than this machine's. Settings may also stand in the environment
(ASSIM_CMA, ASSIM_JSON) or under [assim] in `+config.DefaultFile+`.

Examples:
  assim systems
  assim system web1
  assim events -f
  assim query 'MATCH (s:System)-[:RUNS]->(p:Process) RETURN s.name, p.name LIMIT 10'

Exit status: 0 done, 1 the answer is no or an error, 2 command line not
understood, 3 no CMA answered, 4 (status) the CMA has trouble.
`)
}
