package dmi

import (
	"context"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

// The recorded host is composed after the kernel's documentation: the machine
// the others were taken from has no DMI.

func TestFillersAreNotFacts(t *testing.T) {
	root := fstest.MapFS{"sys/class/dmi/id/sys_vendor": {Data: []byte("To Be Filled By O.E.M.\n")}}
	if _, err := collect(context.Background(), discoverytest.NewHost(root, discoverytest.Host{})); err != discovery.ErrNotHere {
		t.Errorf("got %v", err)
	}
}

func TestABoardWithADeviceTreeHasAName(t *testing.T) {
	root := fstest.MapFS{"proc/device-tree/model": {Data: []byte("Raspberry Pi 4 Model B Rev 1.4\x00")}}
	got, err := collect(context.Background(), discoverytest.NewHost(root, discoverytest.Host{}))
	if err != nil || got.(Payload)["product_name"] != "Raspberry Pi 4 Model B Rev 1.4" {
		t.Errorf("got %v, %v", got, err)
	}
}
