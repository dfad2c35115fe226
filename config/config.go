// Package config reads the settings of a program from flags, environment and
// one TOML file, in that order of strength, into a struct that documents them:
//
//	type Config struct {
//		Listen string `name:"listen" default:":1984" usage:"UDP and TCP address to listen on"`
//	}
//
// The flag is -listen, the variable ASSIM_CMA_LISTEN, the key listen in the table
// of the program's name ([cma], [nanoprobe], [assim]) of /etc/assim/assim.toml.
// A name nobody knows is an error that says which known one is nearest.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// DefaultFile is read when it exists and no other is named.
const DefaultFile = "/etc/assim/assim.toml"

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// ErrHelp means that help or the version was asked for and printed.
var ErrHelp = flag.ErrHelp

// Program describes a program for its help text.
type Program struct {
	Name     string // also the table of the TOML file
	Command  string // what is typed after the name, if it has commands
	Version  string // printed by -version
	Synopsis string // first lines of -h
	Examples string // last lines of -h
}

// Setting is one setting as people see it.
type Setting struct {
	Name, Default, Usage string
	value                reflect.Value
}

// Env returns the name of the environment variable of a program's setting, in
// capitals: ASSIM_NAME for the operator's command, ASSIM_CMA_NAME and
// ASSIM_NANOPROBE_NAME for the daemons.
func (s Setting) Env(program string) string {
	name := "assim_" + s.Name
	if program != "assim" {
		name = "assim_" + program + "_" + s.Name
	}
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Settings lists what struct pointers (one, or a []any of them) declare, in order.
func Settings(into any) []Setting {
	structs, ok := into.([]any)
	if !ok {
		structs = []any{into}
	}
	var out []Setting
	for _, s := range structs {
		v := reflect.ValueOf(s).Elem()
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag
			if name := tag.Get("name"); name != "" {
				out = append(out, Setting{name, tag.Get("default"), tag.Get("usage"), v.Field(i)})
			}
		}
	}
	return out
}

// Load fills into (as Settings takes it) and returns the arguments that are not flags. Help and
// version go to out; both end in ErrHelp.
func Load(p Program, into any, args []string, out io.Writer) ([]string, error) {
	settings := Settings(into)
	for _, s := range settings {
		if s.Default == "" {
			continue
		}
		if err := set(s.value, s.Default); err != nil {
			return nil, fmt.Errorf("%s: default of %s: %w", p.Name, s.Name, err)
		}
	}
	fs := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	file := fs.String("config", "", "")
	version := fs.Bool("version", false, "")
	given := map[string]string{}
	for _, s := range settings {
		fs.Var(flagValue{s, given}, s.Name, s.Usage)
	}
	rest, err := parseAnywhere(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		Help(p, settings, out)
		return nil, ErrHelp
	case err != nil:
		return nil, flagError(p, settings, err)
	case *version:
		fmt.Fprintln(out, p.Version)
		return nil, ErrHelp
	}
	if err := loadFile(p, settings, *file); err != nil {
		return nil, err
	}
	for _, s := range settings {
		if text, ok := os.LookupEnv(s.Env(p.Name)); ok {
			if err := set(s.value, text); err != nil {
				return nil, fmt.Errorf("%s: variable %s: %w", p.Name, s.Env(p.Name), err)
			}
		}
		if text, ok := given[s.Name]; ok {
			if err := set(s.value, text); err != nil {
				return nil, fmt.Errorf("%s: flag -%s: %w", p.Name, s.Name, err)
			}
		}
	}
	return rest, nil
}

// parseAnywhere lets flags stand behind arguments too, as people type them;
// "--" ends the flags.
func parseAnywhere(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return rest, err
		}
		left := fs.Args()
		if len(left) == 0 {
			return rest, nil
		}
		if parsed := args[:len(args)-len(left)]; len(parsed) > 0 && parsed[len(parsed)-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

// flagValue notes what was given; it is applied after file and environment.
type flagValue struct {
	s     Setting
	given map[string]string
}

func (f flagValue) String() string { return "" }
func (f flagValue) Set(text string) error {
	if f.s.value.IsValid() && f.s.value.Kind() == reflect.Slice && f.given[f.s.Name] != "" {
		text = f.given[f.s.Name] + "," + text
	}
	f.given[f.s.Name] = text
	return nil
}
func (f flagValue) IsBoolFlag() bool {
	return f.s.value.IsValid() && f.s.value.Kind() == reflect.Bool
}

func flagError(p Program, settings []Setting, err error) error {
	_, name, ok := strings.Cut(err.Error(), "flag provided but not defined: -")
	if !ok {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	known := []string{"config", "version", "help"}
	for _, s := range settings {
		known = append(known, s.Name)
	}
	return fmt.Errorf("%s: there is no flag -%s%s; see %s -h", p.Name, name, didYouMean("-", name, known), strings.TrimSpace(p.Name+" "+p.Command))
}

func loadFile(p Program, settings []Setting, name string) error {
	named := name != ""
	if !named {
		if name = os.Getenv("ASSIM_CONFIG"); name == "" {
			name = DefaultFile
		} else {
			named = true
		}
	}
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) && !named {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: the configuration file cannot be read: %w; name another with -config, or make it readable", p.Name, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return fmt.Errorf("%s: the configuration file cannot be read: %w; name another with -config, or make it readable", p.Name, err)
	}
	return fromTOML(p.Name, settings, name, string(text))
}

// tables are the ones a file may hold, one per program.
var tables = []string{"cma", "nanoprobe", "assim"}

func fromTOML(program string, settings []Setting, file, text string) error {
	var doc map[string]any
	if _, err := toml.Decode(text, &doc); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for table := range doc {
		if !slices.Contains(tables, table) {
			return fmt.Errorf("%s: there is no table [%s]%s", file, table, didYouMean("[", table, tables))
		}
	}
	mine, _ := doc[program].(map[string]any)
	var known []string
	for _, s := range settings {
		known = append(known, s.Name)
		v, ok := mine[s.Name]
		if !ok {
			continue
		}
		if err := set(s.value, tomlText(v)); err != nil {
			return fmt.Errorf("%s: [%s] %s: %w", file, program, s.Name, err)
		}
	}
	for key := range mine {
		if !slices.Contains(known, key) {
			return fmt.Errorf("%s: [%s] has no key %q%s", file, program, key, didYouMean("", key, known))
		}
	}
	return nil
}

func tomlText(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	var parts []string
	for _, e := range list {
		parts = append(parts, fmt.Sprint(e))
	}
	return strings.Join(parts, ",")
}

func set(v reflect.Value, text string) error {
	switch v.Interface().(type) {
	case string:
		v.SetString(text)
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is not true or false", text)
		}
		v.SetBool(b)
	case int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(int64(n))
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 1s, 200ms or 24h", text)
		}
		v.SetInt(int64(d))
	case []string:
		var list []string
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		v.Set(reflect.ValueOf(list))
	default:
		return fmt.Errorf("a setting cannot be a %s", v.Type())
	}
	return nil
}

// Help prints a program's help: what it is, every setting, examples.
func Help(p Program, settings []Setting, out io.Writer) {
	fmt.Fprintf(out, "%s\n\nSettings (as flag, as variable %s..., or as key in [%s] of %s):\n",
		strings.TrimSpace(p.Synopsis), Setting{}.Env(p.Name), p.Name, DefaultFile)
	width := len("config")
	for _, s := range settings {
		width = max(width, len(s.Name))
	}
	for _, s := range settings {
		fmt.Fprintf(out, "  -%-*s  %s", width, s.Name, s.Usage)
		if s.Default != "" && s.Default != "false" {
			fmt.Fprintf(out, " (%s)", s.Default)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "  -%-*s  configuration file instead of %s\n", width, "config", DefaultFile)
	fmt.Fprintf(out, "  -%-*s  print version, commit and build date\n", width, "version")
	fmt.Fprintf(out, "\nExamples:\n%s\n", strings.TrimRight(p.Examples, "\n"))
}

// Table renders settings as the rows of a Markdown table, for docs.
func Table(program string, settings []Setting) string {
	var b strings.Builder
	for _, s := range settings {
		def := s.Default
		if def == "" {
			def = "–"
		}
		fmt.Fprintf(&b, "| %s | `-%s` | `%s` | `%s` | %s |\n", program, s.Name, s.Env(program), def, s.Usage)
	}
	return b.String()
}
