package main

import (
	"fmt"
	"strings"
	"time"

	"assim/config"
	"assim/discovery/all"
	"assim/wire"
)

// minEvery is the shortest interval that may be asked of a discovery type.
const minEvery = time.Second

// readSchedule reads TYPE=INTERVAL settings: a duration, "never", or "events" for
// a type that is to look only when something happens. Every nanoprobe is told.
func readSchedule(list []string) ([]wire.Schedule, error) {
	var out []wire.Schedule
	for _, text := range list {
		name, interval, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("-schedule %q is not TYPE=INTERVAL, e.g. packages=6h", text)
		}
		if _, known := all.Find(name); !known {
			return nil, fmt.Errorf("-schedule: there is no discovery type %q%s", name, nearestType(name))
		}
		one := wire.Schedule{Type: name}
		switch interval {
		case "never":
			one.Every = -1
		case "events":
		default:
			every, err := time.ParseDuration(interval)
			if err != nil || every < minEvery {
				return nil, fmt.Errorf("-schedule %s: %q is neither never, events, nor a duration of at least %s", name, interval, minEvery)
			}
			one.Every = every
		}
		out = append(out, one)
	}
	return out, nil
}

func nearestType(name string) string {
	var names []string
	for _, t := range all.Types {
		names = append(names, t.Name)
	}
	if near := config.Nearest(name, names); near != "" {
		return "; did you mean " + near + "?"
	}
	return "; nanoprobe discover --list names them"
}
