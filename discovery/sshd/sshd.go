// Package sshd discovers how the secure shell server is set up: its effective
// settings as sshd -T tells them, with the Match blocks from the files beside
// them, or, where it cannot be asked, what the files say (sshd_config(5)).
package sshd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "sshd".
var Type = discovery.Type{
	Name:    "sshd",
	Short:   "settings of the secure shell server",
	Every:   time.Hour,
	Files:   []string{"/etc/ssh"},
	Needs:   []string{"root: settings come from the files, without sshd's own defaults"},
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"sshd -T", "/etc/ssh/sshd_config and what it includes"},
		Keys: []discovery.Field{
			{Key: "effective", Meaning: "true when sshd itself told its settings, defaults included"},
			{Key: "settings", Meaning: "by keyword in lower case: yes and no as booleans, numbers, times in seconds; lists for keywords that may be repeated or hold a list"},
			{Key: "match[].when", Meaning: "criteria of a Match block"},
			{Key: "match[].settings", Meaning: "its settings"},
			{Key: "errors[]", Meaning: "files that could not be read"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Effective bool           `json:"effective"`
	Settings  map[string]any `json:"settings"`
	Match     []Match        `json:"match,omitempty"`
	Errors    []string       `json:"errors,omitempty"`
}

// Match is what holds for some connections.
type Match struct {
	When     string         `json:"when"`
	Settings map[string]any `json:"settings"`
}

// Limits of what files may say.
const (
	maxFiles    = 256
	maxDepth    = 16 // as sshd itself has it
	maxSettings = 4096
)

const mainFile = "etc/ssh/sshd_config"

func collect(ctx context.Context, h discovery.Host) (any, error) {
	text, err := conf.Read(h, mainFile)
	if errors.Is(err, discovery.ErrNotHere) {
		return nil, err
	}
	r := &reader{host: h, doc: &Payload{Settings: map[string]any{}}}
	if err != nil {
		r.doc.Errors = append(r.doc.Errors, err.Error())
	}
	r.read(text, 0)
	// Without a live sshd, or without root, the files have to do.
	if out, err := h.Run(ctx, "sshd", "-T"); err == nil {
		effective := map[string]any{}
		for _, line := range conf.Lines(string(out)) {
			set(effective, line)
		}
		if len(effective) > 0 {
			r.doc.Effective, r.doc.Settings = true, effective
		}
	}
	return r.doc, nil
}

// reader reads the files. The first word on a setting wins, and after a Match
// line settings hold for some connections only.
type reader struct {
	host  discovery.Host
	doc   *Payload
	match *Match
	files int
	lines int
}

func (r *reader) read(text string, depth int) {
	for _, line := range conf.Lines(text) {
		if r.lines++; r.lines > maxSettings {
			return
		}
		keyword, rest := keyword(line)
		switch {
		case keyword == "include":
			r.include(rest, depth)
		case keyword == "match" && strings.EqualFold(rest, "all"):
			r.match = nil
		case keyword == "match":
			r.doc.Match = append(r.doc.Match, Match{When: strings.Join(strings.Fields(rest), " "), Settings: map[string]any{}})
			r.match = &r.doc.Match[len(r.doc.Match)-1]
		case r.match != nil:
			set(r.match.Settings, line)
		default:
			set(r.doc.Settings, line)
		}
	}
}

// include reads the files of an Include line, relative ones in /etc/ssh. A
// Match block within a file ends with it.
func (r *reader) include(patterns string, depth int) {
	for _, pattern := range fields(patterns) {
		pattern = strings.TrimPrefix(pattern, "/")
		if !strings.HasPrefix(pattern, "etc/") && !strings.HasPrefix(pattern, "usr/") {
			pattern = path.Join("etc/ssh", pattern)
		}
		names, _ := fs.Glob(r.host.Root(), pattern)
		for _, name := range names {
			if r.files++; r.files > maxFiles || depth >= maxDepth {
				r.doc.Errors = append(r.doc.Errors, fmt.Sprintf("/%s: included too deep or too often", name))
				return
			}
			text, err := conf.Read(r.host, name)
			if err != nil {
				r.doc.Errors = append(r.doc.Errors, err.Error())
				continue
			}
			outer := r.match
			r.read(text, depth+1)
			r.match = outer
		}
	}
}

// Keywords that may be given several times, or hold several words: lists. And
// those that hold a list with commas.
var (
	repeated = []string{"port", "listenaddress", "hostkey", "hostcertificate", "acceptenv", "allowusers", "denyusers", "allowgroups", "denygroups", "permitopen",
		"permitlisten", "setenv", "authorizedkeysfile", "authenticationmethods", "logverbose", "permituserenvironment"}
	withCommas = []string{"ciphers", "macs", "kexalgorithms", "hostkeyalgorithms", "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes",
		"casignaturealgorithms", "hostbasedacceptedalgorithms", "hostbasedacceptedkeytypes"}
	times = []string{"logingracetime", "clientaliveinterval", "keyregenerationinterval"}
	// With spaces, but one command or text.
	whole = []string{"forcecommand", "banner", "authorizedkeyscommand", "authorizedprincipalscommand", "chrootdirectory", "versionaddendum", "maxstartups", "ipqos", "rekeylimit", "xauthlocation"}
)

// keyword splits a line: "Port 22", "Port=22", "Port = 22".
func keyword(line string) (name, rest string) {
	i := strings.IndexAny(line, " \t=")
	if i < 0 {
		return strings.ToLower(line), ""
	}
	rest = strings.TrimSpace(line[i:])
	rest = strings.TrimSpace(strings.TrimPrefix(rest, "="))
	return strings.ToLower(line[:i]), rest
}

// set adds one line to settings.
func set(settings map[string]any, line string) {
	name, rest := keyword(line)
	words := fields(rest)
	if name == "" || len(words) == 0 || len(settings) >= maxSettings {
		return
	}
	_, said := settings[name]
	switch {
	case name == "subsystem":
		set, _ := settings[name].(map[string]any)
		if set == nil {
			set = map[string]any{}
			settings[name] = set
		}
		if _, said := set[words[0]]; !said {
			set[words[0]] = strings.Join(words[1:], " ")
		}
	case slices.Contains(repeated, name):
		list, _ := settings[name].([]any)
		for _, w := range words {
			list = append(list, conf.Value(w))
		}
		settings[name] = list
	case said: // the first one counts
	case slices.Contains(withCommas, name):
		settings[name] = strings.Split(words[0], ",")
	case slices.Contains(times, name):
		settings[name] = seconds(words[0])
	case slices.Contains(whole, name):
		settings[name] = strings.Trim(rest, `"`)
	case len(words) == 1:
		settings[name] = conf.Value(words[0])
	default:
		settings[name] = strings.Join(words, " ")
	}
}

// fields splits words, some of them in double quotes; what follows a " #" is a
// comment.
func fields(text string) []string {
	var list []string
	for text = strings.TrimSpace(text); text != "" && text[0] != '#'; text = strings.TrimSpace(text) {
		if text[0] == '"' {
			word, rest, _ := strings.Cut(text[1:], `"`)
			list, text = append(list, word), rest
			continue
		}
		word, rest := conf.Cut(text)
		list, text = append(list, word), rest
	}
	return list
}

// seconds reads a time of sshd_config(5): "90", "2m", "1h30m".
func seconds(text string) any {
	total, number, digits := int64(0), int64(0), false
	for _, c := range strings.ToLower(text) {
		unit := map[rune]int64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}[c]
		switch {
		case '0' <= c && c <= '9' && number < 1<<32:
			number, digits = number*10+int64(c-'0'), true
		case unit > 0 && digits && total < 1<<40:
			total, number, digits = total+number*unit, 0, false
		default:
			return text
		}
	}
	return total + number
}
