package block

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func FuzzParse(f *testing.F) {
	f.Add("major minor  #blocks  name\n\n   8        0  976762584 sda\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range parse(text) {
			if d.Name == "" || strings.Contains(d.Name, "/") || d.SizeBytes < 0 {
				t.Errorf("%+v", d)
			}
		}
	})
}

// What /proc/partitions held on another system, as others recorded it.
func TestRecordedPartitionFacts(t *testing.T) {
	const dir = "../../../shared/fixtures/discovery/partitions/"
	input, err := os.ReadFile(dir + "input")
	if err != nil {
		t.Skipf("the fixtures made by others are not here (%s); nothing is compared", dir)
	}
	expected, err := os.ReadFile(dir + "expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Data map[string]struct {
			Blocks       int64
			Major, Minor int
		}
	}
	if err := json.Unmarshal(expected, &want); err != nil {
		t.Fatal(err)
	}
	got := parse(string(input))
	if len(got) != len(want.Data) {
		t.Errorf("%d devices, want %d", len(got), len(want.Data))
	}
	for _, d := range got {
		if w := want.Data[d.Name]; d.SizeBytes != w.Blocks*1024 || d.Major != w.Major || d.Minor != w.Minor {
			t.Errorf("got %+v, want %+v", d, w)
		}
	}
}

func TestTheDevicesEqualLsblks(t *testing.T) {
	lsblk, err := exec.LookPath("lsblk")
	if err != nil {
		t.Skip("there is no lsblk here to compare with")
	}
	out, err := exec.Command(lsblk, "-J", "-b", "-l", "-o", "NAME,MAJ:MIN,SIZE,RO,RM,TYPE,ROTA").Output()
	if err != nil {
		t.Skipf("lsblk: %v", err)
	}
	type device struct {
		Name       string
		Number     string `json:"maj:min"`
		Size       int64
		RO, RM     bool
		Type       string
		Rotational bool `json:"rota"`
	}
	var answer struct{ Blockdevices []device }
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	payload, err := collect(context.Background(), discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Device{}
	for _, d := range payload.(*Payload).Devices {
		got[d.Name] = d
	}
	for _, want := range answer.Blockdevices {
		if want.Size == 0 || strings.HasPrefix(want.Name, "zram") {
			continue
		}
		d, ok := got[want.Name]
		if !ok || d.SizeBytes != want.Size || d.ReadOnly != want.RO || d.Removable != want.RM || d.Type != want.Type ||
			d.Rotational != nil && *d.Rotational != want.Rotational {
			t.Errorf("%s: got %+v, lsblk has %+v", want.Name, d, want)
		}
	}
	t.Logf("%d devices compared with lsblk", len(got))
}
