package sensors

import (
	"context"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

// The recorded host is composed after the kernel's hwmon documentation: the
// machine the others were taken from has no sensors.

func TestAMachineWithoutSensorsHasNoDocument(t *testing.T) {
	if _, err := collect(context.Background(), discoverytest.NewHost(fstest.MapFS{}, discoverytest.Host{})); err != discovery.ErrNotHere {
		t.Errorf("got %v", err)
	}
}
