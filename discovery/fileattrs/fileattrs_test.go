package fileattrs

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

func TestASitesListIsLookedAtToo(t *testing.T) {
	root := t.TempDir()
	discoverytest.Write(t, root, siteList, "# ours\n/srv/www/**\n/opt/*/run\n/etc/passwd\n/nowhere\nnot/absolute\n/bad/[\n")
	for _, name := range []string{"etc/passwd", "srv/www/index.html", "srv/www/deep/er/x", "opt/a/run", "opt/b/run", "opt/b/else"} {
		discoverytest.Write(t, root, name, "")
	}
	doc := collected(t, root)
	for _, name := range []string{"/srv/www/index.html", "/srv/www/deep/er/x", "/opt/a/run", "/opt/b/run", "/etc/passwd"} {
		if doc.Files[name].Mode != "0644" {
			t.Errorf("%s is missing among %v", name, doc.Files)
		}
	}
	if _, ok := doc.Files["/opt/b/else"]; ok {
		t.Error("a file that matches no pattern was looked at")
	}
	want := []string{"/etc/assim/fileattrs.list: line 6 is no absolute path or pattern", "/etc/assim/fileattrs.list: line 7 is no absolute path or pattern"}
	if !slices.Equal(doc.Errors, want) {
		t.Errorf("errors %q, want %q", doc.Errors, want)
	}
}

func TestOfFilesBeyondTheLimitAChangeIsSeenAllTheSame(t *testing.T) {
	root := t.TempDir()
	discoverytest.Write(t, root, siteList, "/srv/**\n")
	const beyond = 10
	for i := range maxFiles + beyond {
		discoverytest.Write(t, root, fmt.Sprintf("srv/%03d/%02d", i/100, i%100), "")
	}
	before := collected(t, root)
	if n := len(before.Files); n != maxFiles || before.More == nil || before.More.Files < beyond || before.Truncated {
		t.Fatalf("%d files, more %+v, truncated %v", n, before.More, before.Truncated)
	}
	last := filepath.Join(root, fmt.Sprintf("srv/%03d/%02d", (maxFiles+beyond-1)/100, (maxFiles+beyond-1)%100))
	if err := os.Chmod(last, 0o600); err != nil {
		t.Fatal(err)
	}
	if after := collected(t, root); after.More.Sum == before.More.Sum || after.More.Files != before.More.Files {
		t.Errorf("the mode of the last file changed and the document says %+v as before", after.More)
	}
}
