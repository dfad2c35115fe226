// Package auditd discovers the audit daemon's settings (auditd.conf(5)) and the
// rules it loads at start (audit.rules(7)).
package auditd

import (
	"context"
	"errors"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "auditd".
var Type = discovery.Type{
	Name:    "auditd",
	Short:   "settings and rules of the audit daemon",
	Every:   time.Hour,
	Files:   []string{"/etc/audit"},
	Needs:   []string{"root: the files are readable by root only"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/etc/audit/auditd.conf", "/etc/audit/audit.rules", "/etc/audit/rules.d/*.rules"},
		Keys: []discovery.Field{
			{Key: "settings", Meaning: "by name: yes and no as booleans, numbers, names as written"},
			{Key: "rules[]", Meaning: "rules of rules.d in the order they are loaded, else of audit.rules"},
			{Key: "errors[]", Meaning: "files that could not be read"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Settings map[string]any `json:"settings"`
	Rules    []string       `json:"rules"`
	Errors   []string       `json:"errors,omitempty"`
}

// maxRules bounds the list; large sites have some hundreds.
const maxRules = 8192

func collect(_ context.Context, h discovery.Host) (any, error) {
	text, err := conf.Read(h, "etc/audit/auditd.conf")
	if errors.Is(err, discovery.ErrNotHere) {
		return nil, err
	}
	doc := &Payload{Settings: parse(text), Rules: []string{}}
	doc.note(err)
	files := []string{"etc/audit/audit.rules"}
	if names := conf.Names(h, "etc/audit/rules.d"); len(names) > 0 {
		files = nil
		for _, name := range names {
			if strings.HasSuffix(name, ".rules") {
				files = append(files, "etc/audit/rules.d/"+name)
			}
		}
	}
	for _, name := range files {
		text, err := conf.Read(h, name)
		doc.note(err)
		for _, line := range conf.Lines(text) {
			if len(doc.Rules) < maxRules {
				doc.Rules = append(doc.Rules, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return doc, nil
}

func (p *Payload) note(err error) {
	if err != nil && !errors.Is(err, discovery.ErrNotHere) {
		p.Errors = append(p.Errors, err.Error())
	}
}

// parse reads "name = value" lines.
func parse(text string) map[string]any {
	settings := map[string]any{}
	for _, line := range conf.Lines(text) {
		name, value, ok := strings.Cut(line, "=")
		if ok {
			settings[strings.ToLower(strings.TrimSpace(name))] = conf.Value(strings.TrimSpace(value))
		}
	}
	return settings
}
