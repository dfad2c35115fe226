package cpu

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func TestTheProcessorsEqualLscpus(t *testing.T) {
	lscpu, err := exec.LookPath("lscpu")
	if err != nil {
		t.Skip("there is no lscpu here to compare with")
	}
	out, err := exec.Command(lscpu, "-J").Output()
	if err != nil {
		t.Skipf("lscpu: %v", err)
	}
	var answer struct {
		Lscpu []struct{ Field, Data string }
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, f := range answer.Lscpu {
		want[strings.TrimSuffix(f.Field, ":")] = f.Data
	}
	payload, err := collect(context.Background(), discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	p := payload.(*Payload)
	number := func(field string) int { n, _ := strconv.Atoi(want[field]); return n }
	for name, pair := range map[string][2]any{
		"vendor":  {p.Vendor, want["Vendor ID"]},
		"model":   {p.Model, want["Model name"]},
		"family":  {p.Family, want["CPU family"] + "/" + want["Model"] + "/" + want["Stepping"]},
		"threads": {p.Threads, number("CPU(s)")},
		"sockets": {p.Sockets, number("Socket(s)")},
		"cores":   {p.Cores, number("Core(s) per socket") * number("Socket(s)")},
		"flags":   {strings.Join(p.Flags, " "), strings.Join(words(want["Flags"]), " ")},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, lscpu has %v", name, pair[0], pair[1])
		}
	}
	for field, data := range want {
		if fault, ok := strings.CutPrefix(field, "Vulnerability "); ok {
			name := strings.ReplaceAll(strings.ToLower(fault), " ", "_")
			if got := p.Vulnerabilities[name]; plain(got) != plain(data) {
				t.Errorf("%s is %q, lscpu has %q", fault, got, data)
			}
		}
	}
}

// plain leaves out the punctuation, in which lscpu differs from the kernel.
func plain(text string) string { return strings.NewReplacer(":", "", ";", "").Replace(text) }

func FuzzParse(f *testing.F) {
	f.Add("processor\t: 0\nphysical id\t: 0\ncore id\t: 1\nflags\t\t: a b a\n")
	f.Fuzz(func(t *testing.T, text string) {
		if p := parse(text); p.Threads < 0 || p.Sockets > len(text) {
			t.Errorf("%+v", p)
		}
	})
}
