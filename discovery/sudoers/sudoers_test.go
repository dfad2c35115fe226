package sudoers

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

// spec is a rule as cvtsudoers, sudo's own reader, tells it.
type spec struct {
	UserList []map[string]any `json:"User_List"`
	HostList []map[string]any `json:"Host_List"`
	CmndSpec []struct {
		RunAsUsers  []map[string]any `json:"runasusers"`
		RunAsGroups []map[string]any `json:"runasgroups"`
		Options     []map[string]any
		Commands    []map[string]any
	} `json:"Cmnd_Specs"`
}

// one returns the value of a map of one.
func one(list []map[string]any) []string {
	var out []string
	for _, m := range list {
		for kind, value := range m {
			switch kind {
			case "usergroup":
				out = append(out, "%"+fmt.Sprint(value))
			case "userid":
				out = append(out, fmt.Sprintf("#%v", value))
			default:
				out = append(out, fmt.Sprint(value))
			}
		}
	}
	return out
}

func TestTheRulesEqualCvtsudoers(t *testing.T) {
	text, err := os.ReadFile("testdata/debian12.cvtsudoers")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		UserSpecs []spec `json:"User_Specs"`
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	h, err := discoverytest.Load("testdata/debian12")
	if err != nil {
		t.Fatal(err)
	}
	payload, err := collect(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	got := payload.(*Payload)
	if len(got.Rules) != len(want.UserSpecs) || len(got.Errors) > 0 {
		t.Fatalf("%d rules, cvtsudoers has %d (%q)", len(got.Rules), len(want.UserSpecs), got.Errors)
	}
	for i, w := range want.UserSpecs {
		g := got.Rules[i]
		if !slices.Equal(g.Users, one(w.UserList)) || !slices.Equal(g.Hosts, one(w.HostList)) {
			t.Errorf("rule %d: %v on %v, cvtsudoers has %v on %v", i, g.Users, g.Hosts, one(w.UserList), one(w.HostList))
		}
		var commands []Command
		for _, c := range w.CmndSpec {
			for _, name := range one(c.Commands) {
				as := strings.Join(one(c.RunAsUsers), ", ")
				if groups := one(c.RunAsGroups); len(groups) > 0 {
					as += ":" + strings.ReplaceAll(strings.Join(groups, ", "), "%", "")
				}
				tags := options(c.Options)
				if name == "ALL" {
					// sudo lets ALL imply it; the file does not say it.
					tags = slices.DeleteFunc(tags, func(tag string) bool { return tag == "SETENV" })
				}
				commands = append(commands, Command{RunAs: as, Command: name, Tags: tags})
			}
		}
		if len(commands) != len(g.Commands) {
			t.Errorf("rule %d: %+v, cvtsudoers has %+v", i, g.Commands, commands)
			continue
		}
		for j, c := range g.Commands {
			slices.Sort(c.Tags)
			if c.RunAs != commands[j].RunAs || c.Command != commands[j].Command || !slices.Equal(c.Tags, commands[j].Tags) {
				t.Errorf("rule %d: %+v, cvtsudoers has %+v", i, c, commands[j])
			}
		}
	}
}

// options are the tags: authenticate is PASSWD.
func options(list []map[string]any) []string {
	var tags []string
	for _, m := range list {
		for name, value := range m {
			tag := map[string]string{"authenticate": "PASSWD", "setenv": "SETENV", "noexec": "NOEXEC"}[name]
			if name == "authenticate" && value == false {
				tag = "NOPASSWD"
			}
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return tags
}

func TestARuleInEveryForm(t *testing.T) {
	for line, want := range map[string]Rule{
		`alice, bob  web1 , web2 = /bin/a -x \, y, (op) NOPASSWD: /bin/b`: {Users: []string{"alice", "bob"}, Hosts: []string{"web1", "web2"},
			Commands: []Command{{Command: `/bin/a -x \, y`}, {RunAs: "op", Tags: []string{"NOPASSWD"}, Command: "/bin/b"}}},
		`%ops ALL=(ALL:ALL) ALL`: {Users: []string{"%ops"}, Hosts: []string{"ALL"}, Commands: []Command{{RunAs: "ALL:ALL", Command: "ALL"}}},
	} {
		if got, ok := parseRule(line); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got  %+v\n want %+v", line, got, want)
		}
	}
	for _, bad := range []string{"", "alice", "alice = /bin/x", "alice ALL =", "="} {
		if got, ok := parseRule(bad); ok {
			t.Errorf("%q was taken for a rule: %+v", bad, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("alice ALL=(ALL) NOPASSWD: ALL, !/bin/su\nDefaults:x !y, z=\"1\"\nUser_Alias A = b : C = d\n#includedir x\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := &reader{host: discoverytest.NewHost(os.DirFS(os.DevNull), discoverytest.Host{}), doc: &Payload{}}
		r.parse("etc/sudoers", text, 0)
		for _, rule := range r.doc.Rules {
			if len(rule.Users) == 0 || len(rule.Hosts) == 0 || len(rule.Commands) == 0 {
				t.Errorf("%+v", rule)
			}
		}
	})
}
