package nanoprobe

import (
	"os"
	"strings"
	"testing"

	"assim/discovery"
)

var _ discovery.Keeper = keeper{}

func TestWhatIsKeptIsThereForTheNextRunAndBounded(t *testing.T) {
	k := keeper{dir: t.TempDir()}
	if got := k.Kept("connections"); got != nil {
		t.Errorf("nothing was kept, and there is %q", got)
	}
	for _, data := range []string{"one", "another"} {
		if err := k.Keep("connections", []byte(data)); err != nil {
			t.Fatal(err)
		}
		if got := (keeper{dir: k.dir}).Kept("connections"); string(got) != data {
			t.Errorf("kept %q, got %q", data, got)
		}
	}
	if err := k.Keep("connections", []byte(strings.Repeat("x", maxKept+1))); err == nil || string(k.Kept("connections")) != "another" {
		t.Errorf("more than the limit: %v, and there is %d bytes", err, len(k.Kept("connections")))
	}
	if info, err := os.Stat(k.file("connections")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: want it for its owner only", info.Mode(), err)
	}
	if list, _ := os.ReadDir(k.dir); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}
}
