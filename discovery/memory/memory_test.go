package memory

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func TestTheSizesEqualFrees(t *testing.T) {
	free, err := exec.LookPath("free")
	if err != nil {
		t.Skip("there is no free here to compare with")
	}
	out, err := exec.Command(free, "-b").Output()
	if err != nil {
		t.Skipf("free: %v", err)
	}
	want := map[string]int64{}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 {
			want[f[0]], _ = strconv.ParseInt(f[1], 10, 64)
		}
	}
	p, err := collect(context.Background(), discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	if p.TotalBytes != want["Mem:"] || p.SwapBytes != want["Swap:"] {
		t.Errorf("memory %d, swap %d; free has %v", p.TotalBytes, p.SwapBytes, want)
	}
}

func TestABalloonThatBreathesChangesNothing(t *testing.T) {
	files := fstest.MapFS{}
	look := remembering()
	for _, tt := range []struct {
		name      string
		has, node int64 // KiB
		says      int64
		saysNode  int64
	}{
		{"the first look is exact", 1_000_003, 500_001, 1_000_003, 500_001},
		{"a little less", 950_000, 470_000, 1_000_003, 500_001},
		{"a little more", 1_050_000, 530_000, 1_000_003, 500_001},
		{"less than a tenth, in the same direction as before", 1_099_000, 549_000, 1_000_003, 500_001},
		{"small steps that add up to a tenth", 1_101_000, 549_500, 1_101_000, 500_001},
		{"back by less than a tenth of what was said", 1_000_003, 500_001, 1_101_000, 500_001},
		{"a node alone", 1_100_000, 440_000, 1_101_000, 440_000},
		{"half of it", 550_000, 220_000, 550_000, 220_000},
	} {
		files["proc/meminfo"] = &fstest.MapFile{Data: fmt.Appendf(nil, "MemTotal: %d kB\n", tt.has)}
		files["sys/devices/system/node/node0/meminfo"] = &fstest.MapFile{Data: fmt.Appendf(nil, "Node 0 MemTotal: %d kB\n", tt.node)}
		doc, err := look(context.Background(), discoverytest.NewHost(files, discoverytest.Host{}))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		p := doc.(*Payload)
		if p.TotalBytes != tt.says*1024 || len(p.Nodes) != 1 || p.Nodes[0].TotalBytes != tt.saysNode*1024 {
			t.Errorf("%s: %d KiB and nodes %+v, want %d and %d KiB", tt.name, p.TotalBytes/1024, p.Nodes, tt.says, tt.saysNode)
		}
	}
}

func TestSwapAreas(t *testing.T) {
	got := parseSwaps("Filename\tType\tSize\tUsed\tPriority\n/swap\\040file file 1024 5 -2\n/dev/zram0 partition 100 0 5\n/dev/sda2 partition 2048 0 -3\n")
	if len(got) != 2 || got[0] != (Swap{"/dev/sda2", "partition", 2048 * 1024}) || got[1] != (Swap{"/swap file", "file", 1024 * 1024}) {
		t.Errorf("got %+v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("MemTotal: 123 kB\nHugePages_Total: 0\n/swap file 1024 5 -2\n")
	f.Fuzz(func(t *testing.T, text string) {
		for name, n := range parse(text) {
			if n < 0 {
				t.Errorf("%s: %d", name, n)
			}
		}
		parseSwaps(text)
	})
}
