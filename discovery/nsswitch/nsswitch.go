// Package nsswitch discovers where a system looks up users, hosts and services,
// and in which order (nsswitch.conf(5)).
package nsswitch

import (
	"context"
	"errors"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "nsswitch".
var Type = discovery.Type{
	Name:    "nsswitch",
	Short:   "where users, hosts and services are looked up",
	Every:   time.Hour,
	Files:   []string{"/etc/nsswitch.conf"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/etc/nsswitch.conf"},
		Keys: []discovery.Field{
			{Key: "databases.NAME[].source", Meaning: "files, dns, sss, systemd, ..., in the order they are asked"},
			{Key: "databases.NAME[].actions", Meaning: "by status in capitals, with ! in front where it is negated: what happens then (return, continue, merge)"},
			{Key: "errors[]", Meaning: "why the file could not be read"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Databases map[string][]Source `json:"databases"`
	Errors    []string            `json:"errors,omitempty"`
}

// Source is one place to look, with what happens after.
type Source struct {
	Source  string            `json:"source"`
	Actions map[string]string `json:"actions,omitempty"`
}

func collect(_ context.Context, h discovery.Host) (any, error) {
	text, err := conf.Read(h, "etc/nsswitch.conf")
	if errors.Is(err, discovery.ErrNotHere) {
		return nil, err
	}
	doc := &Payload{Databases: parse(text)}
	if err != nil {
		doc.Errors = []string{err.Error()}
	}
	return doc, nil
}

// parse reads "hosts: files mdns4_minimal [NOTFOUND=return] dns".
func parse(text string) map[string][]Source {
	databases := map[string][]Source{}
	for _, line := range conf.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		name, rest, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			continue
		}
		databases[name] = sources(rest)
	}
	return databases
}

func sources(text string) []Source {
	list := []Source{}
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if text[0] != '[' {
			var name string
			if i := strings.IndexAny(text, " \t["); i > 0 {
				name, text = text[:i], text[i:]
			} else {
				name, text = text, ""
			}
			list = append(list, Source{Source: name})
			continue
		}
		inside, rest, _ := strings.Cut(text[1:], "]")
		text = rest
		if len(list) == 0 {
			continue
		}
		last := &list[len(list)-1]
		for _, f := range strings.Fields(inside) {
			status, action, ok := strings.Cut(f, "=")
			if !ok {
				continue
			}
			if last.Actions == nil {
				last.Actions = map[string]string{}
			}
			last.Actions[strings.ToUpper(status)] = strings.ToLower(action)
		}
	}
	return list
}
