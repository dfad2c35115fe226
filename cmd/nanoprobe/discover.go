package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"assim/config"
	"assim/discovery"
	"assim/discovery/all"
	"assim/discovery/script"
	"assim/host"
	"assim/version"
)

type discoverSettings struct {
	List    bool          `name:"list" usage:"name all discovery types"`
	JSON    bool          `name:"json" usage:"print the document as it is stored, on one line"`
	Root    string        `name:"root" default:"/" usage:"look at another root file system"`
	Scripts string        `name:"scripts" default:"/etc/assim/discover.d" usage:"directories of the site's discovery scripts, with : between"`
	Wait    time.Duration `name:"wait" default:"65s" usage:"lldp: how long to listen for frames"`
}

// discover runs one discovery type here and prints its document.
func discover(ctx context.Context, args []string) int {
	var s discoverSettings
	program := config.Program{
		Name: "nanoprobe", Command: "discover", Version: version.String("nanoprobe"),
		Synopsis: `Usage: nanoprobe discover TYPE [SETTINGS]

Looks once and prints the document that the CMA would be sent. No CMA is needed.`,
		Examples: `  nanoprobe discover --list
  nanoprobe discover netconfig
  nanoprobe discover os --root /mnt/image --json`,
	}
	rest, err := config.Load(program, &s, args, os.Stdout)
	switch {
	case errors.Is(err, config.ErrHelp):
		return 0
	case err == nil && s.List:
		list(types(s))
		return 0
	case err == nil && len(rest) != 1:
		err = errors.New("nanoprobe: discover takes one type; nanoprobe discover --list names them")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	if err := look(ctx, rest[0], s); err != nil {
		fmt.Fprintln(os.Stderr, "nanoprobe:", err)
		return exitFailed
	}
	return 0
}

// types are the built-in ones and the site's scripts.
func types(s discoverSettings) []discovery.Type {
	scripts, problems := script.TypesIn(absolute(s.Scripts), os.DirFS)
	for _, p := range problems {
		fmt.Fprintln(os.Stderr, "left out:", p)
	}
	return append(slices.Clone(all.Types), scripts...)
}

// absolute makes paths of a list whole: a program is started in its own
// directory, where a relative path leads nowhere.
func absolute(dirs string) string {
	list := strings.Split(dirs, script.Separator)
	for i, dir := range list {
		if whole, err := filepath.Abs(dir); err == nil {
			list[i] = whole
		}
	}
	return strings.Join(list, script.Separator)
}

func list(types []discovery.Type) {
	for _, t := range types {
		fmt.Printf("%-18s %s\n", t.Name, t.Short)
		for _, n := range t.Needs {
			fmt.Printf("%-18s   %s\n", "", n)
		}
	}
}

func look(ctx context.Context, name string, s discoverSettings) error {
	t, err := find(types(s), name, s.Scripts)
	if err != nil {
		return err
	}
	h := host.New(s.Root)
	if t.Make != nil {
		t.Collect = t.Make()
	}
	payload, err := collect(ctx, h, t, s.Wait)
	if errors.Is(err, discovery.ErrNotHere) {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err != nil {
		return err
	}
	text, _, err := discovery.Canonical(payload)
	if err != nil {
		return err
	}
	if s.JSON {
		fmt.Println(string(text))
		return nil
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

func find(types []discovery.Type, name, scripts string) (discovery.Type, error) {
	var names []string
	for _, t := range types {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	hint := ""
	if near := config.Nearest(name, names); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return discovery.Type{}, fmt.Errorf("there is no discovery type %q, neither built in nor in %s (-scripts names another directory, --list all types)%s", name, scripts, hint)
}

// collect looks once; at frames only after having listened for a while.
func collect(ctx context.Context, h *host.Host, t discovery.Type, wait time.Duration) (any, error) {
	if !h.Live() || !listens(t) {
		return t.Collect(ctx, h)
	}
	fmt.Fprintf(os.Stderr, "listening for frames, at most %s...\n", wait)
	watching, stop := context.WithTimeout(ctx, wait)
	defer stop()
	heard := make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() {
		ended <- h.Watch(watching, nil, func(e host.Event) {
			if e.Trigger == discovery.Frames {
				select {
				case heard <- struct{}{}:
				default:
				}
			}
		})
	}()
	payload, err := t.Collect(ctx, h)
	for errors.Is(err, discovery.ErrNotYet) && watching.Err() == nil {
		select {
		case <-heard:
		case <-watching.Done():
		}
		payload, err = t.Collect(ctx, h)
	}
	stop()
	if werr := <-ended; err == nil {
		err = werr
	}
	if lacks := h.Cannot(); len(lacks) > 0 {
		fmt.Fprintln(os.Stderr, strings.Join(lacks, "\n"))
	}
	return payload, err
}

func listens(t discovery.Type) bool {
	for _, trigger := range t.On {
		if trigger == discovery.Frames {
			return true
		}
	}
	return false
}
