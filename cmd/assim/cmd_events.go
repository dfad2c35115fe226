package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"assim/event"
)

type eventsSettings struct {
	Follow bool `name:"f" usage:"go on and print what happens from now on, until Ctrl-C"`
	All    bool `name:"all" usage:"also print changed documents (kind discovered)"`
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
			list, next, err := a.lastEvents(ctx, *set)
			if err != nil {
				return err
			}
			for _, e := range list {
				if err := a.event(e); err != nil {
					return err
				}
			}
			if !set.Follow {
				return nil
			}
			return a.client.Follow(ctx, next, func(e event.Event) error {
				if !set.wants(e) {
					return nil
				}
				return a.event(e)
			})
		},
	}
}

// wants reports whether an event is to be printed: that a document changed is
// what discovery does all day.
func (s *eventsSettings) wants(e event.Event) bool { return s.All || e.Kind != event.Discovered }

// lastEvents returns the newest events that are wanted, and the serial to
// follow from.
func (a *app) lastEvents(ctx context.Context, set eventsSettings) (list []event.Event, next uint64, err error) {
	const page = 10_000 // as many as the CMA gives at a time
	p, err := a.client.Events(ctx, 0, page)
	if err != nil {
		return nil, 0, err
	}
	list = slices.DeleteFunc(p.Events, func(e event.Event) bool { return !set.wants(e) })
	return list[max(0, len(list)-set.Last):], p.Next, nil
}

// event prints one event: a line for people, an object on one line for programs.
func (a *app) event(e event.Event) error {
	if a.JSON {
		return json.NewEncoder(a.out).Encode(e)
	}
	line := fmt.Sprintf("%s  %-18s %s", e.At.Local().Format(time.DateTime), e.Kind, clip(whenHere(e.Text)))
	if len(e.Witnesses) > 0 {
		line += "  (seen by " + clip(strings.Join(e.Witnesses, ", ")) + ")"
	}
	_, err := fmt.Fprintln(a.out, a.paint(line, statusColor([]string{string(e.Kind)})))
	return err
}
