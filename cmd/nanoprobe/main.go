// Command nanoprobe is the agent: one per OS image.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"assim/config"
	"assim/nanoprobe"
	"assim/version"
)

// settings are what an operator may set.
type settings struct {
	CMA     []string `name:"cma" usage:"HOST[:PORT] of the CMA, more than one if you like; * finds it by multicast"`
	Join    string   `name:"join" usage:"join string from assim join-token create; needed once"`
	Data    string   `name:"data" default:"/var/lib/assim/nanoprobe" usage:"directory of the identity file"`
	Run     string   `name:"run" default:"/run/assim" usage:"directory of the local sockets of a CMA on this host"`
	Port    int      `name:"port" default:"1984" usage:"UDP port; another one is taken if it is in use"`
	Scripts string   `name:"scripts" default:"/etc/assim/discover.d" usage:"directories of the site's discovery scripts, with : between"`
	Zero    bool     `name:"zero-configuration" usage:"without a join string, ask any CMA to be accepted by hand (labs)"`
	Debug   bool     `name:"debug" usage:"log more"`
}

// Exit codes, also in the help text.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "discover" {
		os.Exit(discover(ctx, os.Args[2:]))
	}
	var s settings
	program := config.Program{
		Name: "nanoprobe", Version: version.String("nanoprobe"),
		Synopsis: `nanoprobe is the agent: it discovers its system without sending a probe, and exchanges
heartbeats with its neighbors. There is one per OS image. It keeps nothing but its key.

  nanoprobe [SETTINGS]               run until SIGTERM
  nanoprobe discover TYPE [...]      look once and print the document; nanoprobe discover -h`,
		Examples: `  nanoprobe                                   on the CMA's own host: no string needed
  nanoprobe -join 'assim1:10.0.0.5:1984:...'  join, the first time
  nanoprobe -cma cma.example.com              the CMA has moved
  nanoprobe discover --list

Exit status: 0 stopped by SIGTERM or SIGINT, 1 an error, 2 settings not understood.`,
	}
	rest, err := config.Load(program, &s, os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, config.ErrHelp):
		return
	case err == nil && (s.Port < 0 || s.Port > 65535):
		err = fmt.Errorf("nanoprobe: -port %d: a port is a number up to 65535; 0 takes any that is free", s.Port)
	case err == nil && len(rest) > 0:
		err = fmt.Errorf("nanoprobe: %q is neither a setting nor discover; see nanoprobe -h", rest[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	level := slog.LevelInfo
	if s.Debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	agent := nanoprobe.New(nanoprobe.Config{
		Data: s.Data, Run: s.Run, CMA: s.CMA, Join: s.Join, Zero: s.Zero, Port: s.Port, Scripts: absolute(s.Scripts),
	}, log)
	if err := agent.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "nanoprobe:", strings.TrimPrefix(err.Error(), "nanoprobe: "))
		os.Exit(exitFailed)
	}
}
