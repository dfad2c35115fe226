package session

import (
	"testing"
	"time"

	"assim/wire"
)

// A report of a cut cable that waits for the very cable must not tell of the
// past when it leaves at last.
func TestAReportThatWaitedTellsThePresentStateOfALink(t *testing.T) {
	down := wire.Observation{Kind: wire.ObsLinkDown, Link: "eth0"}
	up := wire.Observation{Kind: wire.ObsLinkUp, Link: "eth0"}
	other := wire.Observation{Kind: wire.ObsLinkDown, Link: "eth1"}
	neighbors := wire.Observation{Kind: wire.ObsLinkDown, About: wire.ID{1}, Link: "eth0"}
	for name, c := range map[string]struct {
		inFlight, queued []wire.Observation
		news             wire.Observation
		want             []wire.ObservationKind // in flight, then queued
	}{
		"it waits":             {nil, []wire.Observation{down}, up, []wire.ObservationKind{wire.ObsLinkUp, wire.ObsLinkUp}},
		"it is in flight":      {[]wire.Observation{down}, nil, up, []wire.ObservationKind{wire.ObsLinkUp, wire.ObsLinkUp}},
		"it is cut again":      {[]wire.Observation{up}, nil, down, []wire.ObservationKind{wire.ObsLinkDown, wire.ObsLinkDown}},
		"another link":         {[]wire.Observation{other}, nil, up, []wire.ObservationKind{wire.ObsLinkDown, wire.ObsLinkUp}},
		"a neighbor's":         {[]wire.Observation{neighbors}, nil, up, []wire.ObservationKind{wire.ObsLinkDown, wire.ObsLinkUp}},
		"news of a neighbor's": {[]wire.Observation{down}, nil, neighbors, []wire.ObservationKind{wire.ObsLinkDown, wire.ObsLinkDown}},
	} {
		t.Run(name, func(t *testing.T) {
			var n Node
			now := time.Unix(1_700_000_000, 0)
			if c.inFlight != nil {
				n.Report(now, c.inFlight)
				n.head = n.out.take(false)
				n.head.sent = true
			}
			n.Report(now, c.queued)
			n.Report(now.Add(time.Minute), []wire.Observation{c.news})
			all := append(n.head.report, n.out.reports...)
			if len(all) != len(c.want) {
				t.Fatalf("%d observations wait, want %d", len(all), len(c.want))
			}
			for i, w := range all {
				if w.obs.Kind != c.want[i] {
					t.Errorf("observation %d is of kind %d, want %d", i, w.obs.Kind, c.want[i])
				}
			}
		})
	}
}
