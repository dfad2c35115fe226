package proc_sys

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"assim/discovery"
	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func TestTheSettingsEqualSysctls(t *testing.T) {
	sysctl, err := exec.LookPath("sysctl")
	if err != nil {
		t.Skip("there is no sysctl here to compare with")
	}
	out, _ := exec.Command(sysctl, "-a").Output() // complains of what may not be read
	want := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), " =")
		if ok {
			if before, said := want[name]; said {
				value = before + "\n" + strings.TrimSpace(value)
			}
			want[name] = strings.Join(strings.Fields(value), " ")
		}
	}
	if len(want) < 100 {
		t.Skipf("sysctl -a tells only %d settings", len(want))
	}
	payload, err := collect(context.Background(), discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	got := payload.(*Payload).Settings
	equal := 0
	for name, w := range want {
		if restless.MatchString(name) || passing.MatchString(name) || secret.MatchString(name) {
			continue
		}
		text := strings.Join(strings.Fields(fmt.Sprint(got[name])), " ")
		if text != w && !(got[name] == "" && w == "") {
			t.Errorf("%s is %q, sysctl has %q", name, got[name], w)
			continue
		}
		equal++
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not among sysctl's", name)
		}
	}
	t.Logf("%d settings equal sysctl's", equal)
}

func TestTwoLooksAtABusyKernelAreTheSame(t *testing.T) {
	var first []byte
	for range 2 {
		payload, err := collect(context.Background(), discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}))
		if err != nil {
			t.Skipf("no /proc/sys: %v", err)
		}
		doc, _, err := discovery.Canonical(payload)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = doc
		}
		if !bytes.Equal(doc, first) {
			t.Errorf("the document changed:\n%s\n%s", first, doc)
		}
	}
}

func TestAnInterfaceMayHaveADotInItsName(t *testing.T) {
	if got := settingName("net/ipv4/conf/eth0.100/mtu"); got != "net.ipv4.conf.eth0/100.mtu" {
		t.Errorf("got %q", got)
	}
}
