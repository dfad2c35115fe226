package commands

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func TestTheProgramsEqualFinds(t *testing.T) {
	find, err := exec.LookPath("find")
	if err != nil {
		t.Skip("there is no find here to compare with")
	}
	payload, err := collect(context.Background(), discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for dir, got := range payload.(*Payload).Directories {
		out, err := exec.Command(find, dir, "-mindepth", "1", "-maxdepth", "1", "(", "-type", "l", "-o", "-type", "f", "-perm", "/111", ")", "-not", "-name", ".*", "-printf", "%f\n").Output()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(string(out))
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d programs, find has %d", dir, len(got), len(want))
		}
		total += len(got)
	}
	t.Logf("%d programs equal find's", total)
}
