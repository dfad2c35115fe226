package pam

import (
	"reflect"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func TestEveryFormOfARule(t *testing.T) {
	got := parse("@include common-auth\n-session optional pam_systemd.so\n" +
		"auth [success=1   default=ignore] pam_unix.so nullok [query=a b] # no\\\n\naccount\trequired pam_x.so \\\n debug\nnonsense line here\n")
	want := []Rule{
		{Type: "include", Module: "common-auth"},
		{Type: "session", Optional: true, Control: "optional", Module: "pam_systemd.so"},
		{Type: "auth", Control: "[success=1 default=ignore]", Module: "pam_unix.so", Args: []string{"nullok", "[query=a b]"}},
		{Type: "account", Control: "required", Module: "pam_x.so", Args: []string{"debug"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("@include x\n-auth [a=1 b] m.so [x y] z\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range parse(text) {
			if r.Module == "" || r.Type == "" {
				t.Errorf("%+v", r)
			}
		}
		parseSettings(text)
	})
}
