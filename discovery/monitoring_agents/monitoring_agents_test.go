package monitoring_agents

import (
	"context"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func TestAMachineWithoutAgentsHasNoDocument(t *testing.T) {
	if _, err := collect(context.Background(), discoverytest.NewHost(fstest.MapFS{}, discoverytest.Host{})); err != discovery.ErrNotHere {
		t.Errorf("got %v", err)
	}
}
