package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"assim/event"
)

type eventsSettings struct {
	Follow bool `name:"f" usage:"go on and print what happens from now on, until Ctrl-C"`
	Last   int  `name:"n" default:"50" usage:"how many of the newest to print"`
}

func eventsCommand() command {
	set := &eventsSettings{}
	return command{
		name: "events", short: "what happened, newest last; -f follows",
		examples: "  assim events\n  assim events -f\n  assim events -n 500 -json | jq 'select(.kind==\"system dead\")'",
		settings: set,
		run: func(ctx context.Context, a *app, args []string) error {
			if len(args) > 0 {
				return usagef("events takes no arguments, only -f and -n")
			}
			page, err := a.client.Events(ctx, 0, set.Last)
			if err != nil {
				return err
			}
			for _, e := range page.Events {
				if err := a.event(e); err != nil {
					return err
				}
			}
			if !set.Follow {
				return nil
			}
			return a.client.Follow(ctx, page.Next, a.event)
		},
	}
}

// event prints one event: a line for people, an object on one line for programs.
func (a *app) event(e event.Event) error {
	if a.JSON {
		return json.NewEncoder(a.out).Encode(e)
	}
	line := fmt.Sprintf("%s  %-18s %s", e.At.Local().Format(time.DateTime), e.Kind, clip(e.Text))
	if len(e.Witnesses) > 0 {
		line += "  (seen by " + clip(strings.Join(e.Witnesses, ", ")) + ")"
	}
	_, err := fmt.Fprintln(a.out, a.paint(line, statusColor([]string{string(e.Kind)})))
	return err
}
