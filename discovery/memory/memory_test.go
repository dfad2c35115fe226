package memory

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Type) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Type) }

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
	payload, err := collect(context.Background(), discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	if p := payload.(*Payload); p.TotalBytes != want["Mem:"] || p.SwapBytes != want["Swap:"] {
		t.Errorf("memory %d, swap %d; free has %v", p.TotalBytes, p.SwapBytes, want)
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
