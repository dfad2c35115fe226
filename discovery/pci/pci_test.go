package pci

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func TestTheDevicesEqualLspcis(t *testing.T) {
	lspci, err := exec.LookPath("lspci")
	if err != nil {
		t.Skip("there is no lspci here to compare with")
	}
	out, err := exec.Command(lspci, "-D", "-n").Output()
	if err != nil {
		t.Skipf("lspci: %v", err)
	}
	payload, err := collect(context.Background(), discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Device{}
	for _, d := range payload.(*Payload).Devices {
		got[d.Slot] = d
	}
	for line := range strings.Lines(string(out)) {
		// "0000:00:02.0 0100: 1af4:1042 (rev 01)"
		f := strings.Fields(line)
		d := got[f[0]]
		if len(d.Class) < 4 || d.Class[:4]+":" != f[1] || d.Vendor+":"+d.Device != f[2] {
			t.Errorf("%s: got %+v, lspci has %q", f[0], d, line)
		}
	}
}
