// Package login_defs discovers the rules of the shadow password suite: ages of
// passwords, ranges of ids, how passwords are hashed (login.defs(5)).
package login_defs

import (
	"context"
	"errors"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "login_defs".
var Type = discovery.Type{
	Name:    "login_defs",
	Short:   "password ages, id ranges and hashing of the shadow suite",
	Every:   time.Hour,
	Files:   []string{"/etc/login.defs"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/etc/login.defs"},
		Keys: []discovery.Field{
			{Key: "settings", Meaning: "by name: yes and no as booleans, decimal numbers, everything else as text, so octal masks too"},
			{Key: "errors[]", Meaning: "why the file could not be read"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Settings map[string]any `json:"settings"`
	Errors   []string       `json:"errors,omitempty"`
}

func collect(_ context.Context, h discovery.Host) (any, error) {
	text, err := conf.Read(h, "etc/login.defs")
	if errors.Is(err, discovery.ErrNotHere) {
		return nil, err
	}
	doc := &Payload{Settings: parse(text)}
	if err != nil {
		doc.Errors = []string{err.Error()}
	}
	return doc, nil
}

// parse reads "NAME value" lines. Of a name that is given twice the last counts,
// as in shadow's own reader.
func parse(text string) map[string]any {
	settings := map[string]any{}
	for _, line := range conf.Lines(text) {
		name, value := conf.Cut(line)
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		settings[name] = conf.Value(value)
	}
	return settings
}
