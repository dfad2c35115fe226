// Package ulimit discovers the limits of processes: what process 1 hands down to
// services, and what logins are given (limits.conf(5)).
package ulimit

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "ulimit".
var Type = discovery.Type{
	Name:    "ulimit",
	Short:   "limits that services inherit and logins are given",
	Every:   time.Hour,
	Files:   []string{"/etc/security/limits.conf", "/etc/security/limits.d"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/proc/1/limits", "/etc/security/limits.conf", "/etc/security/limits.d/*.conf"},
		Keys: []discovery.Field{
			{Key: "init.NAME.soft", Meaning: "soft limit of process 1 in the unit; -1 is unlimited"},
			{Key: "init.NAME.hard", Meaning: "hard limit"},
			{Key: "init.NAME.unit", Meaning: "seconds, bytes, processes, files, locks, signals, us"},
			{Key: "logins[].domain", Meaning: "user, @group, * or a range of ids"},
			{Key: "logins[].type", Meaning: "soft, hard or -"},
			{Key: "logins[].item", Meaning: "core, nofile, nproc, ..."},
			{Key: "logins[].value", Meaning: "number or unlimited"},
			{Key: "errors[]", Meaning: "files that could not be read"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Init   map[string]Limit `json:"init,omitempty"`
	Logins []Login          `json:"logins"`
	Errors []string         `json:"errors,omitempty"`
}

// Limit is a pair of limits, -1 for unlimited.
type Limit struct {
	Soft int64  `json:"soft"`
	Hard int64  `json:"hard"`
	Unit string `json:"unit,omitempty"`
}

// Login is one line of limits.conf.
type Login struct {
	Domain string `json:"domain"`
	Type   string `json:"type"`
	Item   string `json:"item"`
	Value  any    `json:"value"`
}

const maxLogins = 4096

func collect(_ context.Context, h discovery.Host) (any, error) {
	doc := &Payload{Logins: []Login{}}
	if text, err := conf.Read(h, "proc/1/limits"); err == nil {
		doc.Init = parseLimits(text)
	} else if !errors.Is(err, discovery.ErrNotHere) {
		doc.Errors = append(doc.Errors, err.Error())
	}
	files := []string{"etc/security/limits.conf"}
	for _, name := range conf.Names(h, "etc/security/limits.d") {
		if strings.HasSuffix(name, ".conf") {
			files = append(files, "etc/security/limits.d/"+name)
		}
	}
	here := len(doc.Init) > 0
	for _, name := range files {
		text, err := conf.Read(h, name)
		switch {
		case errors.Is(err, discovery.ErrNotHere):
			continue
		case err != nil:
			doc.Errors = append(doc.Errors, err.Error())
		}
		here = true
		doc.Logins = append(doc.Logins, parseLogins(text)...)
	}
	if !here {
		return nil, discovery.ErrNotHere
	}
	doc.Logins = doc.Logins[:min(len(doc.Logins), maxLogins)]
	return doc, nil
}

// gap separates the columns of /proc/PID/limits; the name holds single blanks.
var gap = regexp.MustCompile(`\s{2,}`)

// parseLimits reads "Max open files   1024   4096   files".
func parseLimits(text string) map[string]Limit {
	limits := map[string]Limit{}
	for line := range strings.Lines(text) {
		f := gap.Split(strings.TrimSpace(line), -1)
		name, ok := strings.CutPrefix(f[0], "Max ")
		if !ok || len(f) < 3 {
			continue
		}
		soft, ok1 := number(f[1])
		hard, ok2 := number(f[2])
		if !ok1 || !ok2 {
			continue
		}
		l := Limit{Soft: soft, Hard: hard}
		if len(f) > 3 {
			l.Unit = f[3]
		}
		limits[strings.ReplaceAll(name, " ", "_")] = l
	}
	return limits
}

func number(text string) (int64, bool) {
	if text == "unlimited" {
		return -1, true
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0
}

// parseLogins reads "domain type item value"; "domain -" alone sets no limit.
func parseLogins(text string) []Login {
	list := []Login{}
	for _, line := range conf.Lines(text) {
		line, _, _ = strings.Cut(line, " #")
		f := strings.Fields(line)
		if len(f) == 4 {
			list = append(list, Login{f[0], f[1], f[2], conf.Value(f[3])})
		}
	}
	return list
}
