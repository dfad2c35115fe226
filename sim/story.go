package sim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"assim/event"
	"assim/wire"
)

const (
	// maxStory bounds the lines of a scenario file.
	maxStory = 2000
	// maxRange bounds the systems that h01-h99 stands for.
	maxRange = 1 << 20
)

// story is a scenario as read from a file.
type story struct {
	name    string
	e       *estate
	seed    uint64
	timing  wire.Timing
	loss    float64
	dup     float64
	cmaBox  string
	cmaHost string
	length  time.Duration
	deeds   []deed
	shown   map[event.Kind]bool
	wanted  []wanted
	told    bool // there is a news part
	dual    [][2]string
}

// deed is one line of the story: what is done at a time.
type deed struct {
	at   time.Duration
	verb string
	args []string
	line int
}

// wanted is one line of the expected news.
type wanted struct {
	from, to time.Duration
	kind     event.Kind
	name     string
	by       []string
	of       int // affected; 0 = any number
	line     int
}

// readStory parses a scenario file; see docs/simulator.md for the language.
func readStory(name string, r io.Reader) (*story, error) {
	st := &story{name: name, e: newEstate(1), seed: 1, length: 0, shown: map[event.Kind]bool{}}
	for k := range kindWords {
		st.shown[k] = k != event.Unresponsive && k != event.Joined && k != event.Started
	}
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		if n > maxStory {
			return nil, fmt.Errorf("%s: more than %d lines", name, maxStory)
		}
		line, _, _ := strings.Cut(in.Text(), "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if err := st.line(f, n); err != nil {
			return nil, fmt.Errorf("%s:%d: %q: %w", name, n, strings.TrimSpace(line), err)
		}
	}
	if st.length == 0 {
		return nil, fmt.Errorf("%s: no line says how long to run (run 60s)", name)
	}
	return st, errors.Join(in.Err(), st.furnish())
}

// furnish does what needs the whole estate.
func (st *story) furnish() error {
	for _, d := range st.dual {
		sys, ok := st.e.byName[d[0]]
		box, ok2 := st.e.boxBy[d[1]]
		if !ok || !ok2 {
			return fmt.Errorf("%s: dual %s on %s: no such system or switch", st.name, d[0], d[1])
		}
		st.e.attach(sys, 1, box)
	}
	if len(st.e.names) == 0 {
		return fmt.Errorf("%s: no system (say: estate 96, or switch sw1 in net1: h01-h48)", st.name)
	}
	return nil
}

func (st *story) line(f []string, n int) error {
	if st.told {
		return st.want(f, n)
	}
	switch f[0] {
	case "news:":
		st.told = true
		return nil
	case "at":
		return st.deed(f, n)
	case "estate":
		return st.estate(f[1:])
	case "switch", "systems":
		return st.place(f)
	case "dual": // dual SYS on SWITCH
		return st.duals(f[1:])
	case "cma": // cma on SWITCH, cma host SYSTEM
		if len(f) != 3 {
			return errors.New("say: cma on SWITCH, or: cma host SYSTEM")
		}
		if f[1] == "on" {
			st.cmaBox = f[2]
		} else {
			st.cmaHost = f[2]
		}
		return nil
	case "show", "hide":
		return st.show(f[0] == "show", strings.Join(f[1:], " "))
	case "profile":
		t, err := Profile(strings.Join(f[1:], ""))
		st.timing = t
		return err
	case "loss", "duplicate":
		return st.percent(f)
	case "seed":
		var err error
		st.seed, err = strconv.ParseUint(strings.Join(f[1:], ""), 10, 64)
		st.e.seed = st.seed
		return err
	case "run":
		var err error
		st.length, err = time.ParseDuration(strings.Join(f[1:], ""))
		return err
	}
	return fmt.Errorf("nothing begins with %q (estate, switch, systems, dual, cma, profile, loss, duplicate, seed, show, at, run, news:)", f[0])
}

// Profile is the impatience that is called fast, default or quiet.
func Profile(name string) (wire.Timing, error) {
	t, ok := profiles[name]
	if !ok {
		return t, fmt.Errorf("no profile is called %q: say fast, default or quiet", name)
	}
	return t, nil
}

var profiles = map[string]wire.Timing{"fast": wire.FastTiming, "default": wire.DefaultTiming, "quiet": wire.QuietTiming}

// estate N [perswitch M] [persubnet K] [bare]
func (st *story) estate(f []string) error {
	if len(f) == 0 || len(f)%2 == 0 {
		return errors.New("say: estate N [perswitch M] [persubnet K] [dual EVERY]")
	}
	n, err := strconv.Atoi(f[0])
	if err != nil || n < 1 || n > maxSystems {
		return fmt.Errorf("an estate has 1 to %d systems", maxSystems)
	}
	sh := usual
	sh.dualEvery = 0
	for i := 1; i < len(f); i += 2 {
		v, err := strconv.Atoi(f[i+1])
		if err != nil || v < 1 {
			return fmt.Errorf("%q is no number", f[i+1])
		}
		switch f[i] {
		case "perswitch":
			sh.perSwitch = v
		case "persubnet":
			sh.perSubnet = v
		case "dual":
			sh.dualEvery = v
		default:
			return fmt.Errorf("%q is not known of an estate (perswitch, persubnet, dual)", f[i])
		}
	}
	st.e.generate(n, sh)
	return nil
}

// switch NAME in SUBNET [at SITE]: SYSTEMS, and the same without a switch.
func (st *story) place(f []string) error {
	head, tail, ok := strings.Cut(strings.Join(f, " "), ":")
	if !ok {
		return errors.New("say: switch sw1 in net1 [at site1]: h01-h48")
	}
	h := strings.Fields(head)
	name := ""
	if h[0] == "switch" {
		if len(h) < 2 {
			return errors.New("the switch has no name")
		}
		name, h = h[1], h[1:]
	}
	site := "site1"
	if len(h) == 5 && h[3] == "at" {
		site, h = h[4], h[:3]
	}
	if len(h) != 3 || h[1] != "in" {
		return errors.New("say: switch sw1 in net1 [at site1]: h01-h48")
	}
	names, err := expand(strings.Fields(tail))
	if err != nil {
		return err
	}
	box := st.e.box(name, h[2], site, uint32(max(240, 2*len(names))))
	for _, n := range names {
		if _, ok := st.e.byName[n]; ok {
			return fmt.Errorf("%s is there already", n)
		}
		st.e.add(n, box)
	}
	return nil
}

func (st *story) duals(f []string) error {
	if len(f) < 3 || f[len(f)-2] != "on" {
		return errors.New("say: dual SYSTEM on SWITCH")
	}
	names, err := expand(f[:len(f)-2])
	for _, n := range names {
		st.dual = append(st.dual, [2]string{n, f[len(f)-1]})
	}
	return err
}

func (st *story) show(on bool, words string) error {
	k, _, ok := kindIn(words)
	if !ok {
		return fmt.Errorf("no kind of news is called %q", words)
	}
	st.shown[k] = on
	return nil
}

func (st *story) percent(f []string) error {
	p, err := parsePercent(strings.Join(f[1:], ""))
	if f[0] == "loss" {
		st.loss = p
	} else {
		st.dup = p
	}
	return err
}

func parsePercent(s string) (float64, error) {
	p, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || p < 0 || p > 100 || !strings.HasSuffix(s, "%") {
		return 0, fmt.Errorf("%q is not like 20%%", s)
	}
	return p / 100, nil
}

// deed parses: at TIME VERB WORDS
func (st *story) deed(f []string, n int) error {
	if len(f) < 3 {
		return errors.New("say: at 10s kill h07")
	}
	at, err := time.ParseDuration(f[1])
	if err != nil {
		return err
	}
	if len(st.deeds) > 0 && at < st.deeds[len(st.deeds)-1].at {
		return errors.New("a story is told in order of time")
	}
	verb := f[2]
	rest := f[3:]
	if _, ok := verbs[verb]; !ok && len(rest) > 0 {
		verb, rest = verb+" "+rest[0], rest[1:]
	}
	if _, ok := verbs[verb]; !ok {
		return fmt.Errorf("nobody knows how to %q (see docs/simulator.md)", verb)
	}
	st.deeds = append(st.deeds, deed{at: at, verb: verb, args: rest, line: n})
	return nil
}

// want parses: 15s..18s KIND [NAME] [by W W] [of N], or: nothing
func (st *story) want(f []string, n int) error {
	if f[0] == "nothing" {
		return nil
	}
	from, to, ok := strings.Cut(f[0], "..")
	if !ok {
		return errors.New("say: 15s..18s system dead h07")
	}
	w := wanted{line: n}
	var err error
	if w.from, err = time.ParseDuration(from); err != nil {
		return err
	}
	if w.to, err = time.ParseDuration(to); err != nil {
		return err
	}
	kind, rest, ok := kindIn(strings.Join(f[1:], " "))
	if !ok {
		return fmt.Errorf("no kind of news begins %q", strings.Join(f[1:], " "))
	}
	w.kind = kind
	st.shown[kind] = true
	words := strings.Fields(rest)
	for len(words) > 0 {
		switch words[0] {
		case "by":
			w.by, err = expand(words[1:])
			words = nil
		case "of":
			if len(words) < 2 {
				return errors.New("of how many?")
			}
			w.of, err = strconv.Atoi(words[1])
			words = words[2:]
		default:
			w.name = strings.TrimSpace(w.name + " " + words[0])
			words = words[1:]
		}
		if err != nil {
			return err
		}
	}
	st.wanted = append(st.wanted, w)
	return nil
}

// kindWords are the kinds a story may name.
var kindWords = map[event.Kind]bool{event.Joined: true, event.Started: true, event.Unresponsive: true, event.SystemDead: true,
	event.NanoprobeStopped: true, event.ShutDown: true, event.LinkDown: true, event.PathBroken: true, event.SystemDeaf: true, event.SwitchUnreachable: true,
	event.Partition: true, event.CMAIsolated: true, event.TwoCMAs: true, event.AliveAgain: true, event.Resolved: true, event.Liar: true,
	event.CableMoved: true, event.DuplicateAddress: true}

// kindIn finds the kind that a text begins with.
func kindIn(text string) (k event.Kind, rest string, ok bool) {
	for kind := range kindWords {
		if r, has := strings.CutPrefix(text, string(kind)); has && (r == "" || r[0] == ' ') && len(kind) > len(k) {
			k, rest, ok = kind, r, true
		}
	}
	return k, rest, ok
}

// expand turns h01-h03 and h01,h02 into names.
func expand(words []string) ([]string, error) {
	var names []string
	for _, word := range words {
		for w := range strings.SplitSeq(word, ",") {
			list, err := expandOne(w)
			if err != nil {
				return nil, err
			}
			names = append(names, list...)
		}
	}
	return names, nil
}

func expandOne(w string) ([]string, error) {
	from, to, ok := strings.Cut(w, "-")
	if !ok {
		return []string{w}, nil
	}
	stem := strings.TrimRight(from, "0123456789")
	lo, err1 := strconv.Atoi(from[len(stem):])
	hi, err2 := strconv.Atoi(strings.TrimPrefix(to, stem))
	if err1 != nil || err2 != nil || !strings.HasPrefix(to, stem) || hi < lo || hi-lo >= maxRange {
		return nil, fmt.Errorf("%q is not a range like h01-h48", w)
	}
	var names []string
	for i := lo; i <= hi; i++ {
		names = append(names, fmt.Sprintf("%s%0*d", stem, len(from)-len(stem), i))
	}
	return names, nil
}
