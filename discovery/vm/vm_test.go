package vm

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

// The recorded hosts are composed: the machine the others were taken from has
// neither DMI nor a virtual machine of its own.

func TestKindsOfMachines(t *testing.T) {
	for _, c := range []struct{ vendor, product, flags, want string }{
		{"VMware, Inc.", "VMware7,1", "hypervisor", "vmware"},
		{"Microsoft Corporation", "Virtual Machine", "hypervisor", "hyperv"},
		{"Microsoft Corporation", "Surface Pro", "", "physical"},
		{"Amazon EC2", "m5.large", "hypervisor", "amazon"},
		{"Amazon EC2", "m5.metal", "", "physical"},
		{"innotek GmbH", "VirtualBox", "hypervisor", "virtualbox"},
		{"", "", "hypervisor", "virtual"},
		{"Dell Inc.", "PowerEdge", "", "physical"},
	} {
		root := fstest.MapFS{"sys/class/dmi/id/sys_vendor": {Data: []byte(c.vendor)}, "sys/class/dmi/id/product_name": {Data: []byte(c.product)}}
		if got := kind(discoverytest.NewHost(root, discoverytest.Host{}), "flags\t: fpu "+c.flags+"\n"); got != c.want {
			t.Errorf("%s %s is %s, want %s", c.vendor, c.product, got, c.want)
		}
	}
}

func TestTheMachineAtHand(t *testing.T) {
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip("there is no /proc/cpuinfo here")
	}
	got := kind(discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}), string(cpuinfo))
	if strings.Contains(string(cpuinfo), " hypervisor") != (got != "physical") {
		t.Errorf("the processor and the firmware do not agree: %s", got)
	}
}

func FuzzGuest(f *testing.F) {
	f.Add("-name\x00guest=a,b\x00-uuid\x005f0c1a2b-0000-4000-8000-123456789abc\x00mac=52:54:00:12:34:56")
	f.Fuzz(func(t *testing.T, text string) {
		g := guest(strings.Split(text, "\x00"))
		if g.UUID != "" && !isUUID(g.UUID) || len(g.MACs) > 64 {
			t.Errorf("%+v", g)
		}
	})
}
