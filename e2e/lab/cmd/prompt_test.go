package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"assim/e2e/lab"
)

func TestThePromptBreaksAndMendsTheLab(t *testing.T) {
	l := lab.ForTest(t, lab.Spread(2, 2))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out strings.Builder
	script := `where
in h01 ping -q -c 1 -W 2 h02
cut-trunk sw1 sw2
in h01 ping -q -c 1 -W 0.2 10.77.0.3
mend-trunk sw1 sw2
move h01 sw2/9
where
nonsense
drop h01
drop h01 50%
partition h01 h02,cma
heal
remove h02
in h02 true
kill h01
quit
`
	if err := prompt(ctx, l, nil, strings.NewReader(script), &out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	for _, want := range []string{
		"h01          eth0  sw1/2 ",
		"1 packets transmitted, 1 received, 0% packet loss",
		"1 packets transmitted, 0 received, 100% packet loss",
		"h01          eth0  sw2/9 ",
		`"nonsense" is none of them`,
		"say: drop SYSTEM PERCENT",
		"there is no system or switch h02 (any more)",
		"no nanoprobe was started on h01",
	} {
		at := strings.Index(got, want)
		if at < 0 {
			t.Fatalf("the rest lacks %q:\n%s", want, got)
		}
		got = got[at:]
	}
}

func TestTheHelperEntersASystem(t *testing.T) {
	l := lab.ForTest(t, lab.Spread(1, 1))
	if err := writeHelpers(l, "/nowhere"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(l.Dir+"/in", "h01", "hostname").CombinedOutput()
	if err != nil || string(out) != "h01\n" {
		t.Errorf("in h01 hostname prints %q, %v", out, err)
	}
}
