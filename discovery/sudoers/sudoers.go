// Package sudoers discovers who may do what as whom (sudoers(5)), from the files
// themselves.
package sudoers

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"assim/discovery"
	"assim/discovery/conf"
)

// Type is the discovery type "sudoers".
var Type = discovery.Type{
	Name:    "sudoers",
	Short:   "who may do what as whom",
	Every:   time.Hour,
	Files:   []string{"/etc/sudoers", "/etc/sudoers.d"},
	Needs:   []string{"root: the files are readable by root only"},
	Secret:  true,
	Collect: collect,
}

// Plugin is what the CMA makes of its documents.
var Plugin = discovery.Plugin{
	Of: &Type,
	About: discovery.About{
		Reads: []string{"/etc/sudoers and what it includes"},
		Keys: []discovery.Field{
			{Key: "defaults[].for", Meaning: "whom they bind: empty for all, else @HOST, :USER, !COMMAND or >RUNAS"},
			{Key: "defaults[].settings", Meaning: "by name: a flag is true, a negated one false, lists as written"},
			{Key: "aliases.KIND.NAME[]", Meaning: "members of an alias; kinds are user, runas, host, cmnd"},
			{Key: "rules[].users[]", Meaning: "users, %groups, aliases"},
			{Key: "rules[].hosts[]", Meaning: "hosts it holds on"},
			{Key: "rules[].commands[].run_as", Meaning: "as whom: users, after a colon groups; empty is root"},
			{Key: "rules[].commands[].tags[]", Meaning: "NOPASSWD, NOEXEC, SETENV, ..."},
			{Key: "rules[].commands[].command", Meaning: "command with its arguments, ALL, or an alias"},
			{Key: "files[]", Meaning: "files that were read, in order"},
			{Key: "errors[]", Meaning: "files that could not be read, lines that make no sense"},
		},
	},
}

// Payload is the document.
type Payload struct {
	Defaults []Defaults                     `json:"defaults"`
	Aliases  map[string]map[string][]string `json:"aliases,omitempty"`
	Rules    []Rule                         `json:"rules"`
	Files    []string                       `json:"files"`
	Errors   []string                       `json:"errors,omitempty"`
}

// Defaults is one Defaults line.
type Defaults struct {
	For      string         `json:"for,omitempty"`
	Settings map[string]any `json:"settings"`
}

// Rule lets users run commands on hosts.
type Rule struct {
	Users    []string  `json:"users"`
	Hosts    []string  `json:"hosts"`
	Commands []Command `json:"commands"`
}

// Command is what a rule allows.
type Command struct {
	RunAs   string   `json:"run_as,omitempty"`
	Tags    []string `json:"tags,omitempty"`
	Command string   `json:"command"`
}

// Limits of what files may say.
const (
	maxFiles = 256
	maxDepth = 16
	maxLines = 16384
)

func collect(_ context.Context, h discovery.Host) (any, error) {
	r := &reader{host: h, doc: &Payload{Defaults: []Defaults{}, Rules: []Rule{}, Files: []string{}}}
	if err := r.file("etc/sudoers", 0); errors.Is(err, discovery.ErrNotHere) {
		return nil, err
	}
	return r.doc, nil
}

type reader struct {
	host  discovery.Host
	doc   *Payload
	lines int
}

func (r *reader) trouble(text string) {
	if len(r.doc.Errors) < maxFiles {
		r.doc.Errors = append(r.doc.Errors, text)
	}
}

// file reads one file; only whether it is there matters to the caller.
func (r *reader) file(name string, depth int) error {
	if depth > maxDepth || len(r.doc.Files) >= maxFiles {
		r.trouble("/" + name + ": included too deep or too often")
		return nil
	}
	text, err := conf.Read(r.host, name)
	if errors.Is(err, discovery.ErrNotHere) {
		return err
	}
	r.doc.Files = append(r.doc.Files, "/"+name)
	if err != nil {
		r.trouble(err.Error())
		return nil
	}
	r.parse(name, text, depth)
	return nil
}

func (r *reader) parse(name, text string, depth int) {
	// "#include" is not a comment, "#1000" is a user.
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if r.lines++; r.lines > maxLines || len(line) > conf.MaxLine {
			r.trouble("/" + name + ": too many or too long lines")
			return
		}
		word, rest := conf.Cut(line)
		switch {
		case word == "#include" || word == "@include":
			_ = r.file(r.target(name, rest), depth+1)
		case word == "#includedir" || word == "@includedir":
			dir := r.target(name, rest)
			for _, n := range conf.Names(r.host, dir) {
				// Editors' and package managers' leftovers are not read by sudo either.
				if !strings.Contains(n, ".") && !strings.HasSuffix(n, "~") {
					_ = r.file(dir+"/"+n, depth+1)
				}
			}
		case line == "" || line[0] == '#' && (len(line) == 1 || line[1] < '0' || line[1] > '9'):
		default:
			r.line(name, uncomment(line))
		}
	}
}

// target makes the operand of an include a name below the root.
func (r *reader) target(from, operand string) string {
	operand = strings.Trim(strings.ReplaceAll(operand, `\ `, " "), `"`)
	if !strings.HasPrefix(operand, "/") {
		operand = path.Join("/", path.Dir(from), operand)
	}
	return strings.TrimPrefix(path.Clean(operand), "/")
}

// uncomment cuts a comment at the end; a # followed by a digit is an id.
func uncomment(line string) string {
	for i := 1; i < len(line); i++ {
		if line[i] == '#' && line[i-1] != '\\' && (i+1 == len(line) || line[i+1] < '0' || line[i+1] > '9') {
			return strings.TrimSpace(line[:i])
		}
	}
	return line
}

// aliasKinds are the words that begin an alias line.
var aliasKinds = map[string]string{"User_Alias": "user", "Runas_Alias": "runas", "Host_Alias": "host", "Cmnd_Alias": "cmnd", "Cmd_Alias": "cmnd"}

func (r *reader) line(name, line string) {
	word, rest := conf.Cut(line)
	if kind, ok := aliasKinds[word]; ok {
		r.aliases(kind, rest)
		return
	}
	if after, ok := strings.CutPrefix(word, "Defaults"); ok && (after == "" || strings.ContainsRune("@:!>", rune(after[0]))) {
		r.doc.Defaults = append(r.doc.Defaults, Defaults{For: after, Settings: defaults(rest)})
		return
	}
	if rule, ok := parseRule(line); ok {
		r.doc.Rules = append(r.doc.Rules, rule)
		return
	}
	r.trouble("/" + name + ": a line is neither rule, alias nor default: " + line[:min(len(line), 80)])
}

// aliases reads "NAME = a, b : OTHER = c".
func (r *reader) aliases(kind, text string) {
	for _, part := range split(text, ':') {
		name, members, ok := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			continue
		}
		if r.doc.Aliases == nil {
			r.doc.Aliases = map[string]map[string][]string{}
		}
		if r.doc.Aliases[kind] == nil {
			r.doc.Aliases[kind] = map[string][]string{}
		}
		r.doc.Aliases[kind][name] = split(members, ',')
	}
}

// defaults reads "env_reset, !lecture, secure_path=\"/usr/bin:/bin\", env_keep += \"A B\"".
func defaults(text string) map[string]any {
	settings := map[string]any{}
	for _, part := range split(text, ',') {
		i := strings.IndexAny(part, "=")
		switch {
		case i < 0 && strings.HasPrefix(part, "!"):
			settings[strings.TrimLeft(part, "! ")] = false
		case i < 0:
			settings[part] = true
		default:
			name, value := strings.TrimSpace(part[:i]), strings.Trim(strings.TrimSpace(part[i+1:]), `"`)
			if plain := strings.TrimRight(name, "+- "); plain != name {
				// Added to or taken from a list: kept apart by the sign.
				name = plain + name[len(name)-1:]
			}
			settings[name] = conf.Value(value)
		}
	}
	return settings
}

// tags are the words that a colon follows before a command.
var tags = []string{"PASSWD", "NOPASSWD", "EXEC", "NOEXEC", "SETENV", "NOSETENV", "LOG_INPUT", "NOLOG_INPUT", "LOG_OUTPUT", "NOLOG_OUTPUT",
	"FOLLOW", "NOFOLLOW", "MAIL", "NOMAIL", "INTERCEPT", "NOINTERCEPT"}

// parseRule reads "users hosts = (runas) TAG: command, command : hosts = ...".
// Of several hosts parts the commands are told together.
func parseRule(line string) (Rule, bool) {
	left, right, ok := strings.Cut(line, "=")
	if !ok {
		return Rule{}, false
	}
	users, hosts := halves(left)
	if len(users) == 0 || len(hosts) == 0 {
		return Rule{}, false
	}
	r := Rule{Users: users, Hosts: hosts}
	var runAs string
	var with []string
	for _, text := range split(right, ',') {
		c, as, now := parseCommand(text, runAs, with)
		// Who and how hold for the following commands too, until said otherwise.
		runAs, with = as, now
		if c.Command != "" {
			r.Commands = append(r.Commands, c)
		}
	}
	return r, len(r.Commands) > 0
}

// halves splits "alice, %ops  web1, web2": two lists whose commas may have
// blanks around them.
func halves(text string) (users, hosts []string) {
	text = strings.TrimSpace(text)
	for i := 0; i < len(text); i++ {
		if text[i] != ' ' && text[i] != '\t' || i > 0 && text[i-1] == '\\' {
			continue
		}
		before, after := strings.TrimRight(text[:i], " \t"), strings.TrimLeft(text[i:], " \t")
		if strings.HasSuffix(before, ",") || strings.HasPrefix(after, ",") || strings.HasSuffix(before, "!") {
			continue
		}
		return split(before, ','), split(after, ',')
	}
	return nil, nil
}

func parseCommand(text, runAs string, with []string) (Command, string, []string) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "(") {
		inside, rest, _ := strings.Cut(text[1:], ")")
		runAs, text = strings.Join(split(strings.Join(split(inside, ':'), ":"), ','), ", "), strings.TrimSpace(rest)
		if strings.HasPrefix(strings.TrimSpace(inside), ":") {
			runAs = ":" + runAs // as another group only
		}
	}
	for {
		word, rest, ok := strings.Cut(text, ":")
		word = strings.TrimSpace(word)
		if !ok || !slices.Contains(tags, word) {
			break
		}
		text = strings.TrimSpace(rest)
		// "NOPASSWD" takes "PASSWD" back and the other way round.
		opposite := "NO" + word
		if after, ok := strings.CutPrefix(word, "NO"); ok {
			opposite = after
		}
		with = slices.DeleteFunc(slices.Clone(with), func(t string) bool { return t == opposite || t == word })
		with = append(with, word)
	}
	return Command{RunAs: runAs, Tags: slices.Clone(with), Command: strings.Join(strings.Fields(text), " ")}, runAs, with
}

// split cuts at a separator that is neither quoted, escaped nor in parentheses.
func split(text string, at byte) []string {
	list := []string{}
	quoted, depth, start := false, 0, 0
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == at && depth == 0:
			add(text[start:i])
			start = i + 1
		}
	}
	add(text[start:])
	return list
}
