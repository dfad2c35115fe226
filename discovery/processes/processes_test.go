package processes

import (
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Type) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Type) }
