package oui

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"assim/graph"
)

var update = flag.Bool("update", false, "make list.txt.gz anew of /usr/share/ieee-data")

func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		if err := remake(); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// remake writes the list from the registries of IEEE that give blocks of
// addresses: large, medium, small, and individual as they once were.
func remake() error {
	var lines []string
	for _, name := range []string{"oui", "mam", "oui36", "iab"} {
		f, err := os.Open("/usr/share/ieee-data/" + name + ".csv")
		if err != nil {
			return err
		}
		records, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			return err
		}
		for _, r := range records[1:] {
			vendor := strings.Join(strings.Fields(r[2]), " ")
			if vendor != "" && vendor != "Private" && vendor != "IEEE Registration Authority" {
				lines = append(lines, r[1]+"\t"+vendor)
			}
		}
	}
	slices.Sort(lines)
	lines = slices.CompactFunc(lines, func(a, b string) bool { return a[:strings.IndexByte(a, '\t')] == b[:strings.IndexByte(b, '\t')] })
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	w.Write([]byte(strings.Join(lines, "\n") + "\n"))
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile("list.txt.gz", out.Bytes(), 0o644)
}

func TestAnAddressHasTheVendorOfTheSmallestBlockItIsIn(t *testing.T) {
	for mac, want := range map[string]string{
		"00:00:0c:12:34:56": "Cisco Systems, Inc",
		"b8:27:eb:12:34:56": "Raspberry Pi Foundation",
		"08:00:27:12:34:56": "PCS Systemtechnik GmbH",
		"70:b3:d5:f2:f0:00": "TELEPLATFORMS",    // 36 bits of a block that belongs to IEEE
		"20:85:93:b0:00:01": "IOG Products LLC", // 28 bits
		"52:54:00:12:34:56": "",                 // chosen by a hypervisor
		"01:00:0c:cc:cc:cc": "",                 // a group
		"":                  "", "nonsense": "", "00:00:0c": "",
	} {
		if got := Vendor(mac); got != want {
			t.Errorf("%q is of %q, want %q", mac, got, want)
		}
	}
	if n := len(load().lines); n < 40_000 {
		t.Errorf("the list has only %d blocks", n)
	}
	if !slices.IsSortedFunc(load().lines, func(a, b uint32) int { return strings.Compare(load().text[a:a+10], load().text[b:b+10]) }) {
		t.Error("the list is not in order")
	}
}

func TestInterfacesAndUnknownSystemsGetTheirVendor(t *testing.T) {
	nic := graph.Node{Key: graph.Key{Label: graph.NIC, ID: "n-1/eth0"}, Props: graph.P("mac", "00:00:0c:12:34:56")}
	unknown := graph.Node{Key: graph.Key{Label: graph.System, ID: "mac-00:00:0c:12:34:56"}, Props: graph.P("kind", "unknown")}
	known := graph.Node{Key: graph.Key{Label: graph.System, ID: "n-1"}, Props: graph.P("kind", "server")}
	c := graph.Change{Nodes: []graph.Node{nic, unknown, known, {Key: graph.Key{Label: graph.NIC, ID: "n-1/lo"}}}}
	Name(&c)
	for i, want := range []any{"Cisco Systems, Inc", "Cisco Systems, Inc", nil, nil} {
		if got := c.Nodes[i].Props["vendor"]; got != want {
			t.Errorf("%v: vendor %v, want %v", c.Nodes[i].Key, got, want)
		}
	}
}

func FuzzVendor(f *testing.F) {
	f.Add("00:00:0c:12:34:56")
	f.Fuzz(func(_ *testing.T, mac string) { Vendor(mac) })
}
