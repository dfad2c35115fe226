package containers

import (
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Type) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Type) }

// The recorded host is composed after what Docker keeps; package proc has the
// other engines.
