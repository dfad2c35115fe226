package cloud

import (
	"context"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

// The recorded hosts are composed after cloud-init's documentation: the machine
// the others were taken from is in no cloud that says so.

func TestAnImageTriedAtHomeIsInNoCloud(t *testing.T) {
	root := fstest.MapFS{"run/cloud-init/instance-data.json": {Data: []byte(`{"v1":{"cloud_name":"nocloud"}}`)}, "sys/class/dmi/id/sys_vendor": {Data: []byte("Dell Inc.")}}
	if _, err := collect(context.Background(), discoverytest.NewHost(root, discoverytest.Host{})); err != discovery.ErrNotHere {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"v1":{"cloud_name":"aws","region":"eu-west-1"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if doc, ok := parse(text); ok && doc.Cloud == "" {
			t.Errorf("%+v", doc)
		}
	})
}
