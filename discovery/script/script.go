// Package script makes discovery types of a site's own programs: any executable
// in discover.d that prints JSON. A program NAME may have a sibling NAME.toml that
// says when it runs, within which limits and with which arguments, and what its
// document means to the graph.
//
//	discover.d/backups          #!/bin/sh ... echo '{"jobs": [...]}'
//	discover.d/backups.toml     every = "10m", [args], [[node]], [[rel]]
//
// A program gets its arguments as environment variables ASSIM_ARG_NAME, prints
// one JSON value and exits with 0; 69 says that there is nothing of its kind
// here, anything else is an error with the first line of standard error.
package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/BurntSushi/toml"

	"assim/discovery"
)

// Limits on programs. A sibling file may set its own up to these.
const (
	defaultEvery = 15 * time.Minute
	shortest     = 5 * time.Second
	defaultTime  = 20 * time.Second
	maxTime      = 5 * time.Minute
	defaultSize  = 1 << 20 // bytes of output
	defaultNice  = 10
	maxPrograms  = 200
	maxSettings  = 256 << 10 // bytes of a sibling file
)

// nothingHere is the exit code for "nothing of this kind here": EX_UNAVAILABLE
// of sysexits.h.
const nothingHere = 69

// Settings are the content of a sibling file.
type Settings struct {
	Short  string            `toml:"short"`        // one line for people
	Every  duration          `toml:"every"`        // 15m when not set
	Time   duration          `toml:"time_limit"`   // 20s when not set, 5m at most
	Output int               `toml:"output_limit"` // bytes, 1 MiB when not set
	Nice   *int              `toml:"nice"`         // 10 when not set
	Files  []string          `toml:"files"`        // run again when one of these changes
	On     []string          `toml:"on"`           // ... or one of these triggers happens
	Secret bool              `toml:"secret"`       // confidential document
	Args   map[string]string `toml:"args"`         // NAME → value of ASSIM_ARG_NAME
	Nodes  []NodeRule        `toml:"node"`
	Rels   []RelRule         `toml:"rel"`
}

// duration is "10m" in a file.
type duration time.Duration

// UnmarshalText reads a duration.
func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err == nil && v <= 0 {
		err = fmt.Errorf("%q is not more than nothing", text)
	}
	*d = duration(v)
	return err
}

// names are what a program may be called. What follows a dot is not part of the
// type's name.
var names = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// argument are the names of arguments.
var argument = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// Types returns the types that the programs in a directory make; fsys is that
// directory, dir its path. What cannot be used is told in problems, one sentence
// each, and left out; a directory that is not there holds no types.
func Types(fsys fs.FS, dir string) (types []discovery.Type, problems []error) {
	entries, err := fs.ReadDir(fsys, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []error{fmt.Errorf("%s: %w", dir, err)}
	}
	seen := map[string]string{}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || path.Ext(e.Name()) == ".toml" {
			continue
		}
		t, err := program(fsys, dir, e.Name())
		switch {
		case errors.Is(err, errNotProgram):
			continue
		case err == nil && seen[t.Name] != "":
			err = fmt.Errorf("the type %s is made by %s already; rename one", t.Name, seen[t.Name])
		case err == nil && len(types) >= maxPrograms:
			return types, append(problems, fmt.Errorf("%s: only the first %d programs are used", dir, maxPrograms))
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", path.Join(dir, e.Name()), err))
			continue
		}
		seen[t.Name] = e.Name()
		types = append(types, t)
	}
	return types, problems
}

// errNotProgram means that a file is not meant to be run.
var errNotProgram = errors.New("not executable")

func program(fsys fs.FS, dir, file string) (discovery.Type, error) {
	var none discovery.Type
	info, err := fs.Stat(fsys, file)
	if err != nil {
		return none, err
	}
	if !info.Mode().IsRegular() {
		return none, errNotProgram
	}
	if info.Mode()&0o111 == 0 {
		if isScript(fsys, file) {
			return none, errors.New("it begins with #! and nobody may execute it; chmod +x it")
		}
		return none, errNotProgram
	}
	name := strings.TrimSuffix(file, path.Ext(file))
	if !names.MatchString(name) {
		return none, fmt.Errorf("%q cannot name a discovery type: lower-case letters, digits and _ can, 32 at most", name)
	}
	if info.Mode()&0o022 != 0 {
		return none, errors.New("others than its owner can change it; chmod go-w it")
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != syscall.Geteuid() {
		return none, fmt.Errorf("it belongs to user %d, neither to root nor to us; chown it", st.Uid)
	}
	s, err := Load(fsys, name)
	if err != nil {
		return none, err
	}
	return s.typ(name, path.Join(dir, file)), nil
}

// isScript tells a program that was not made executable from a text beside it.
func isScript(fsys fs.FS, file string) bool {
	f, err := fsys.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	begin := make([]byte, 2)
	n, _ := f.Read(begin)
	return string(begin[:n]) == "#!"
}

// Load reads the sibling file of the type of that name; without one, everything
// is as usual.
func Load(fsys fs.FS, name string) (*Settings, error) {
	s := &Settings{}
	text, err := fs.ReadFile(fsys, name+".toml")
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if len(text) > maxSettings {
		return nil, fmt.Errorf("%s.toml: %d bytes are over the limit of %d", name, len(text), maxSettings)
	}
	return Parse(name, string(text))
}

// Parse reads the text of a sibling file.
func Parse(name, text string) (*Settings, error) {
	s := &Settings{}
	meta, err := toml.Decode(text, s)
	if err != nil {
		return nil, fmt.Errorf("%s.toml: %w", name, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("%s.toml: nobody knows %q", name, unknown[0])
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s.toml: %w", name, err)
	}
	return s, nil
}

func (s *Settings) check() error {
	if s.Every != 0 && time.Duration(s.Every) < shortest {
		return fmt.Errorf("every: %v is less than %v", time.Duration(s.Every), shortest)
	}
	if time.Duration(s.Time) > maxTime {
		return fmt.Errorf("time_limit: %v is more than %v", time.Duration(s.Time), maxTime)
	}
	if s.Output < 0 || s.Output > discovery.MaxDocument {
		return fmt.Errorf("output_limit: %d is not within 1 and %d", s.Output, discovery.MaxDocument)
	}
	if s.Nice != nil && (*s.Nice < 0 || *s.Nice > 19) {
		return fmt.Errorf("nice: %d is not within 0 and 19", *s.Nice)
	}
	for name := range s.Args {
		if !argument.MatchString(name) {
			return fmt.Errorf("args: %q is not a name of capital letters, digits and _", name)
		}
	}
	return s.checkRules()
}

// typ makes the discovery type.
func (s *Settings) typ(name, program string) discovery.Type {
	t := discovery.Type{
		Name:   name,
		Short:  s.Short,
		Every:  or(time.Duration(s.Every), defaultEvery),
		Files:  append([]string{strings.TrimPrefix(program, "/")}, s.Files...),
		Secret: s.Secret,
	}
	if t.Short == "" {
		t.Short = "what " + program + " prints"
	}
	for _, on := range s.On {
		t.On = append(t.On, discovery.Trigger(on))
	}
	c := discovery.Command{Name: program, Env: s.env(name), Dir: path.Dir(program), Time: or(time.Duration(s.Time), defaultTime), Output: or(s.Output, defaultSize), Nice: defaultNice}
	if s.Nice != nil {
		c.Nice = *s.Nice
	}
	t.Collect = func(ctx context.Context, h discovery.Host) (any, error) { return run(ctx, h, c) }
	return t
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value != zero {
		return value
	}
	return otherwise
}

func (s *Settings) env(name string) []string {
	env := []string{"ASSIM_TYPE=" + name}
	for arg, value := range s.Args {
		env = append(env, "ASSIM_ARG_"+arg+"="+value)
	}
	slices.Sort(env)
	return env
}

// run runs the program and returns what it printed.
func run(ctx context.Context, h discovery.Host, c discovery.Command) (any, error) {
	out, err := h.Execute(ctx, c)
	var exit *discovery.Exit
	if errors.As(err, &exit) && exit.Code == nothingHere {
		return nil, discovery.ErrNotHere
	}
	// What the kernel says of a program that it cannot start is about its first line.
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return nil, fmt.Errorf("%w; does its first line name who interprets it, as in #!/bin/sh?", err)
	case errors.Is(err, syscall.ENOENT):
		return nil, fmt.Errorf("%w; it is gone, or who interprets it (its first line) is not here", err)
	case err != nil:
		return nil, err
	}
	text := strings.TrimSpace(string(out))
	if text == "" {
		return nil, fmt.Errorf("%s: it printed nothing; print JSON, or exit with %d when there is nothing of its kind here", c.Name, nothingHere)
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%s: what it printed is not JSON: %.60q", c.Name, text)
	}
	if text[0] != '{' && text[0] != '[' {
		return nil, fmt.Errorf("%s: it printed %.60q; an object or a list is asked for", c.Name, text)
	}
	return json.RawMessage(text), nil
}
