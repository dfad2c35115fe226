package fileattrs

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"assim/discovery/discoverytest"
)

// A recorded tree would have the owner and umask of whoever cloned it, so the
// machine at hand is the fixture and stat the judge.
func TestTheAttributesEqualStats(t *testing.T) {
	stat, err := exec.LookPath("stat")
	if err != nil {
		t.Skip("there is no stat here to compare with")
	}
	payload, err := collect(context.Background(), discoverytest.NewHost(os.DirFS("/"), discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	files := payload.(*Payload).Files
	if len(files) < 10 {
		t.Fatalf("only %d files", len(files))
	}
	for name, got := range files {
		out, err := exec.Command(stat, "-L", "-c", "%a %U %G %F", name).Output()
		if err != nil {
			t.Errorf("stat %s: %v", name, err)
			continue
		}
		f := strings.SplitN(strings.TrimSpace(string(out)), " ", 4)
		mode := strings.Repeat("0", 4-len(f[0])) + f[0]
		if got.Mode != mode || got.Owner != f[1] || got.Group != f[2] || !strings.Contains(f[3], got.Type) {
			t.Errorf("%s: got %+v, stat has %q", name, got, f)
		}
	}
	t.Logf("%d facts equal stat's", 4*len(files))
}

func TestSpecialBitsAreInTheMode(t *testing.T) {
	for mode, want := range map[fs.FileMode]string{0o644: "0644", fs.ModeDir | fs.ModeSticky | 0o777: "1777", fs.ModeSetuid | 0o755: "4755", fs.ModeSetgid | fs.ModeSetuid | 0o750: "6750"} {
		if got := octal(mode); got != want {
			t.Errorf("%v is %s, want %s", mode, got, want)
		}
	}
}

func TestPatternsFindAllKeys(t *testing.T) {
	root := fstest.MapFS{"etc/ssh/ssh_host_rsa_key": {Mode: 0o600}, "etc/ssh/ssh_host_ed25519_key": {Mode: 0o640}, "etc/elsewhere": {}}
	payload, err := collect(context.Background(), discoverytest.NewHost(root, discoverytest.Host{}))
	if err != nil {
		t.Fatal(err)
	}
	files := payload.(*Payload).Files
	if files["/etc/ssh/ssh_host_rsa_key"].Mode != "0600" || files["/etc/ssh/ssh_host_ed25519_key"].Mode != "0640" || files["/etc/elsewhere"].Mode != "" {
		t.Errorf("got %v", files)
	}
}
