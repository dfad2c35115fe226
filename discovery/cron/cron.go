// Package cron discovers what is run at which times: system and user crontabs,
// the hourly to monthly directories, anacron. Systemd's timers are in units.
package cron

import (
	"context"
	"errors"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
	"assim/discovery/proc"
)

// Type is the discovery type "cron".
var Type = discovery.Type{
	Name:  "cron",
	Short: "what is run at which times",
	Every: time.Hour,
	Files: []string{"/etc/crontab", "/etc/anacrontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly",
		"/var/spool/cron"},
	Needs:   []string{"root: crontabs of users are not read"},
	Secret:  true,
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/etc/crontab", "/etc/cron.d/*", "/var/spool/cron/crontabs/*", "/var/spool/cron/*", "/etc/anacrontab", "/etc/cron.{hourly,daily,weekly,monthly}"},
		Keys: []discovery.Field{
			{Key: "jobs[].file", Meaning: "crontab it is in"},
			{Key: "jobs[].when", Meaning: "five time fields, a word like @daily, or anacron's period and delay"},
			{Key: "jobs[].user", Meaning: "as whom"},
			{Key: "jobs[].command", Meaning: "command line, secrets masked"},
			{Key: "scripts.DIRECTORY[]", Meaning: "programs in cron.hourly, daily, weekly, monthly"},
			{Key: "errors[]", Meaning: "files that could not be read"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Jobs    []Job               `json:"jobs"`
	Scripts map[string][]string `json:"scripts,omitempty"`
	Errors  []string            `json:"errors,omitempty"`
}

// Job is one line of a crontab.
type Job struct {
	File    string `json:"file"`
	When    string `json:"when"`
	User    string `json:"user,omitempty"`
	Command string `json:"command"`
}

const maxJobs = 8192

func collect(_ context.Context, h discovery.Host) (any, error) {
	doc := &Payload{Jobs: []Job{}}
	here := doc.read(h, "etc/crontab", "", true)
	for _, name := range conf.Names(h, "etc/cron.d") {
		// cron itself ignores names with a dot: leftovers of editors and packages.
		if !strings.ContainsAny(name, ".~") {
			here = doc.read(h, "etc/cron.d/"+name, "", true) || here
		}
	}
	for _, dir := range []string{"var/spool/cron/crontabs", "var/spool/cron"} {
		for _, name := range conf.Names(h, dir) {
			here = doc.read(h, dir+"/"+name, name, false) || here
		}
	}
	if text, err := conf.Read(h, "etc/anacrontab"); err == nil {
		here = true
		doc.Jobs = append(doc.Jobs, parseAnacron(text)...)
	}
	for _, period := range []string{"hourly", "daily", "weekly", "monthly", "yearly"} {
		for _, name := range conf.Names(h, "etc/cron."+period) {
			if strings.ContainsAny(name, ".~") {
				continue
			}
			if doc.Scripts == nil {
				doc.Scripts = map[string][]string{}
			}
			doc.Scripts["cron."+period] = append(doc.Scripts["cron."+period], name)
		}
	}
	if !here && doc.Scripts == nil {
		return nil, discovery.ErrNotHere
	}
	doc.Jobs = doc.Jobs[:min(len(doc.Jobs), maxJobs)]
	return doc, nil
}

// read adds the jobs of one crontab. System crontabs name the user in each line.
func (p *Payload) read(h discovery.Host, name, user string, system bool) bool {
	text, err := conf.Read(h, name)
	switch {
	case errors.Is(err, discovery.ErrNotHere):
		return false
	case err != nil:
		p.Errors = append(p.Errors, err.Error())
		return true
	}
	for _, j := range parse(text, system) {
		j.File = "/" + name
		if !system {
			j.User = user
		}
		p.Jobs = append(p.Jobs, j)
	}
	return true
}

// parse reads a crontab (crontab(5)): "m h dom mon dow [user] command", or
// "@daily [user] command". Lines that set a variable are not jobs.
func parse(text string, system bool) []Job {
	var list []Job
	for _, line := range conf.Lines(text) {
		fields := 5
		if line[0] == '@' {
			fields = 1
		} else if c := line[0]; c != '*' && c != '-' && (c < '0' || c > '9') {
			continue // NAME=value
		}
		var when []string
		for range fields {
			var word string
			word, line = conf.Cut(line)
			when = append(when, word)
		}
		j := Job{When: strings.Join(when, " ")}
		if system {
			j.User, line = conf.Cut(line)
		}
		if line == "" {
			continue
		}
		j.Command = mask(line)
		list = append(list, j)
	}
	return list
}

// parseAnacron reads "period delay name command" (anacrontab(5)).
func parseAnacron(text string) []Job {
	var list []Job
	for _, line := range conf.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 4 || strings.Contains(f[0], "=") || f[1] == "=" {
			continue
		}
		list = append(list, Job{File: "/etc/anacrontab", When: f[0] + " days, " + f[1] + " minutes", User: "root", Command: mask(strings.Join(f[3:], " "))})
	}
	return list
}

// mask hides secrets as in the arguments of processes, for each command of a
// pipeline or list by itself: which option holds a secret depends on it.
func mask(command string) string {
	var out, part []string
	flush := func() {
		out = append(out, proc.Mask(part)...)
		part = nil
	}
	for _, word := range strings.Fields(command) {
		switch word {
		case "&&", "||", "|", ";", "(", ")", "{", "}", "!":
			flush()
			out = append(out, word)
		default:
			part = append(part, word)
			if strings.HasSuffix(word, ";") {
				flush()
			}
		}
	}
	flush()
	return strings.Join(out, " ")
}
