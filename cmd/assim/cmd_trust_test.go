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
