package checksums

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/host"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func TestTheSumsEqualSha256sums(t *testing.T) {
	sha256sum, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("there is no sha256sum here to compare with")
	}
	payload, err := collector()(context.Background(), host.New("/"))
	if err != nil {
		t.Fatal(err)
	}
	files := payload.(*Payload).Files
	for name, got := range files {
		out, err := exec.Command(sha256sum, name).Output()
		if err != nil || !strings.Contains(string(out), got) {
			t.Errorf("%s: got %s, sha256sum has %s (%v)", name, got, out, err)
		}
	}
	t.Logf("%d sums equal sha256sum's", len(files))
}

func TestAFileIsReadAgainOnlyWhenItChanged(t *testing.T) {
	dir := t.TempDir()
	passwd := filepath.Join(dir, "etc", "passwd")
	if err := os.MkdirAll(filepath.Dir(passwd), 0o755); err != nil {
		t.Fatal(err)
	}
	collect, h := collector(), discoverytest.Host{}
	look := func() string {
		t.Helper()
		// Another root has no processes; its files are looked at all the same.
		payload, err := collect(context.Background(), notLive{discoverytest.NewHost(os.DirFS(dir), h)})
		if err != nil {
			t.Fatal(err)
		}
		return payload.(*Payload).Files["/etc/passwd"]
	}
	if err := os.WriteFile(passwd, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := look()
	if again := look(); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	if err := os.WriteFile(passwd, []byte("bb"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed := look(); changed == first || changed == "" {
		t.Errorf("after a change still %q", changed)
	}
}

type notLive struct{ discovery.Host }

func (notLive) Live() bool { return false }

func TestMappedLibraries(t *testing.T) {
	got := parseMaps("55-56 r--p 0 fe:00 1  /usr/sbin/x\n55-56 r-xp 0 fe:00 1  /usr/sbin/x\n7f-80 r-xp 0 fe:00 2 /usr/lib/libc.so.6\n7f-80 r-xp 0 00:00 0 [vdso]\n7f-80 r-xp 0 fe:00 3 /lib/old.so (deleted)\n")
	if !slices.Equal(got, []string{"usr/sbin/x", "usr/lib/libc.so.6"}) {
		t.Errorf("got %q", got)
	}
}

func FuzzMaps(f *testing.F) {
	f.Add("55-56 r-xp 0 fe:00 1  /usr/sbin/x\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range parseMaps(text) {
			if name == "" || strings.HasPrefix(name, "/") || strings.Contains(name, "..") && slices.Contains(strings.Split(name, "/"), "..") {
				t.Errorf("%q", name)
			}
		}
	})
}
