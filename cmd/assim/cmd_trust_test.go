package main

import (
	"bytes"
	"strings"
	"testing"

	"assim/api"
)

func TestDecisionsOnWhoIsInWantTheirObject(t *testing.T) {
	for args, says := range map[string]string{
		"accept": "takes one name, fingerprint, address or CIDR", "refuse a b": "takes one name, fingerprint, address or CIDR",
		"revoke": "takes one system", "pardon a b": "takes one system", "pending web7": "assim accept web7",
		"rotate node": "assim rotate node SYSTEM", "rotate master now": "assim rotate node SYSTEM", "rotate keys": "assim rotate node SYSTEM",
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), &out, &errs); code != exitUsage || !strings.Contains(errs.String(), says) {
			t.Errorf("assim %s: exit %d and %q, want %d and %q", args, code, errs.String(), exitUsage, says)
		}
	}
}

// Whoever mistypes is sent to the help of what he typed, and none of the flags is
// taken for another's.
func TestEveryCommandSendsToItsOwnHelp(t *testing.T) {
	for _, c := range commands() {
		var out, errs bytes.Buffer
		if code, want := run(t.Context(), []string{c.name, "-no-such-flag"}, &out, &errs), "see assim "+c.name+" -h"; code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("assim %s -no-such-flag: exit %d and %q, want %q", c.name, code, errs.String(), want)
		}
		if code := run(t.Context(), []string{c.name, "-h"}, &out, &errs); code != exitOK || !strings.Contains(out.String(), "Examples:\n  ") || !strings.Contains(out.String(), "assim "+c.name) {
			t.Errorf("assim %s -h: exit %d and no example:\n%s", c.name, code, out.String())
		}
	}
}

func TestAChangeOfKeysTellsWhoIsWaitedFor(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	if err := a.rotation(api.Rotation{Pin: "abc", Epoch: 2, Stage: "turned", Waiting: []string{"web7", "evil\x1b[2J"}}); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "2 systems have not followed yet: web7, evil") || strings.Contains(s, "\x1b") {
		t.Errorf("%q", s)
	}
}
