// Package pam discovers how users are authenticated: the stack of modules of
// every service (pam.d(5)) and the rules of the modules that judge passwords and
// count failures.
package pam

import (
	"context"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "pam".
var Type = discovery.Type{
	Name:    "pam",
	Short:   "authentication modules of every service",
	Every:   time.Hour,
	Files:   []string{"/etc/pam.d", "/etc/pam.conf", "/etc/security"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/etc/pam.d/*", "/etc/pam.conf", "/etc/security/{pwquality,faillock,pwhistory,access,time}.conf"},
		Keys: []discovery.Field{
			{Key: "services.NAME[].type", Meaning: "auth, account, password, session, or include"},
			{Key: "services.NAME[].optional", Meaning: "true when a missing module is no error (-type)"},
			{Key: "services.NAME[].control", Meaning: "required, requisite, sufficient, optional, include, substack, or [value=action ...]"},
			{Key: "services.NAME[].module", Meaning: "module, or the service that is included"},
			{Key: "services.NAME[].args[]", Meaning: "arguments of the module"},
			{Key: "security.FILE", Meaning: "settings of a file in /etc/security by name; a flag is true"},
			{Key: "errors[]", Meaning: "files that could not be read, lines that make no sense"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Services map[string][]Rule         `json:"services"`
	Security map[string]map[string]any `json:"security,omitempty"`
	Errors   []string                  `json:"errors,omitempty"`
}

// Rule is one line of a stack.
type Rule struct {
	Type     string   `json:"type"`
	Optional bool     `json:"optional,omitempty"`
	Control  string   `json:"control,omitempty"`
	Module   string   `json:"module"`
	Args     []string `json:"args,omitempty"`
}

// maxRules bounds one service's stack.
const maxRules = 1024

// securityFiles are those of /etc/security that hold "name = value".
var securityFiles = []string{"pwquality.conf", "faillock.conf", "pwhistory.conf"}

func collect(_ context.Context, h discovery.Host) (any, error) {
	doc := &Payload{Services: map[string][]Rule{}}
	for _, name := range conf.Names(h, "etc/pam.d") {
		text, err := conf.Read(h, "etc/pam.d/"+name)
		if err != nil {
			doc.Errors = append(doc.Errors, err.Error())
			continue
		}
		doc.Services[name] = parse(text)
	}
	if text, err := conf.Read(h, "etc/pam.conf"); err == nil {
		for _, line := range conf.Joined(text) {
			// Here each line begins with the service.
			service, rest := conf.Cut(line)
			if rule, ok := parseRule(rest); ok && len(doc.Services[service]) < maxRules {
				doc.Services[service] = append(doc.Services[service], rule)
			}
		}
	}
	if len(doc.Services) == 0 && len(doc.Errors) == 0 {
		return nil, discovery.ErrNotHere
	}
	for _, name := range securityFiles {
		if text, err := conf.Read(h, "etc/security/"+name); err == nil {
			if doc.Security == nil {
				doc.Security = map[string]map[string]any{}
			}
			doc.Security[name] = parseSettings(text)
		}
	}
	return doc, nil
}

func parse(text string) []Rule {
	rules := []Rule{}
	for _, line := range conf.Joined(text) {
		if rule, ok := parseRule(line); ok && len(rules) < maxRules {
			rules = append(rules, rule)
		}
	}
	return rules
}

// parseRule reads "type control module args...", where control may be
// "[success=1 default=ignore]" and an argument "[with blanks]".
func parseRule(line string) (Rule, bool) {
	if target, ok := strings.CutPrefix(line, "@include"); ok {
		return Rule{Type: "include", Module: strings.TrimSpace(target)}, strings.TrimSpace(target) != ""
	}
	var r Rule
	r.Type, line = conf.Cut(line)
	if rest, ok := strings.CutPrefix(r.Type, "-"); ok {
		r.Type, r.Optional = rest, true
	}
	r.Type = strings.ToLower(r.Type)
	r.Control, line = word(line)
	r.Module, line = conf.Cut(line)
	for line != "" && line[0] != '#' {
		var arg string
		arg, line = word(line)
		r.Args = append(r.Args, arg)
	}
	switch r.Type {
	case "auth", "account", "password", "session":
		return r, r.Module != ""
	}
	return r, false
}

// word takes one word, or all between brackets.
func word(line string) (first, rest string) {
	if !strings.HasPrefix(line, "[") {
		return conf.Cut(line)
	}
	end := strings.IndexByte(line, ']')
	if end < 0 {
		return line, ""
	}
	return strings.Join(strings.Fields(line[:end+1]), " "), strings.TrimSpace(line[end+1:])
}

func parseSettings(text string) map[string]any {
	settings := map[string]any{}
	for _, line := range conf.Lines(text) {
		name, value, valued := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !valued {
			settings[name] = true
			continue
		}
		value, _, _ = strings.Cut(value, "#")
		settings[name] = conf.Value(strings.TrimSpace(value))
	}
	return settings
}
