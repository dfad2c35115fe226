package conf

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
)

func TestValuesAreWhatPeopleMean(t *testing.T) {
	for text, want := range map[string]any{"yes": true, "No": false, "7": int64(7), "-1": int64(-1), "0": int64(0), "022": "022", "0600": "0600",
		"sha512": "sha512", "": "", "+5": "+5", "99999999999999999999": "99999999999999999999", "-": "-", "-0": "-0"} {
		if got := Value(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %#v, want %#v", text, got, want)
		}
	}
}

func TestAFileThatIsTooLargeIsSaidToBe(t *testing.T) {
	h := discoverytest.NewHost(fstest.MapFS{"etc/passwd": {Data: make([]byte, MaxFile+1)}, "etc/dir/x": {}}, discoverytest.Host{})
	if _, err := Read(h, "etc/passwd"); err == nil || !strings.Contains(err.Error(), "/etc/passwd is larger than") {
		t.Errorf("got %v", err)
	}
	if _, err := Read(h, "etc/none"); !errors.Is(err, discovery.ErrNotHere) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Read(h, "etc/dir"); err == nil || errors.Is(err, discovery.ErrNotHere) {
		t.Errorf("a directory: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), []byte("a\xffb"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(discoverytest.NewHost(os.DirFS(dir), discoverytest.Host{}), "x"); err != nil || text != "a\uFFFDb" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestLinesSayWhereTheyStand(t *testing.T) {
	var got []string
	for n, line := range Joined("# one\n\n two \nthree \\\n four\n#five") {
		got = append(got, line+":"+string(rune('0'+n)))
	}
	if want := []string{"two:3", "three   four:4"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
