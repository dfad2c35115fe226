package resolv

import (
	"fmt"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedSystems(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func FuzzFiles(f *testing.F) {
	f.Add("nameserver 10.0.0.1\nsearch a b\noptions ndots:2 rotate\n", "10.0.0.1 a b # c\n")
	f.Fuzz(func(t *testing.T, resolv, hosts string) {
		var p payload
		p.resolv(resolv)
		p.hosts(hosts)
		if len(p.Servers) > maxList || len(p.Hosts) > maxNames {
			t.Error("a limit was passed")
		}
	})
}

func TestABlocklistInHostsIsCutOff(t *testing.T) {
	var p payload
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "10.1.%d.%d x\n", i/256, i%256)
	}
	p.hosts(text.String() + "0.0.0.0 ads.example\n")
	if len(p.Hosts) != maxNames || p.LeftOut != 3000-maxNames {
		t.Errorf("%d addresses, %d left out", len(p.Hosts), p.LeftOut)
	}
}
