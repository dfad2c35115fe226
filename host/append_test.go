package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAppendedFilesAndLinksEqualThoseThatAreRead(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("x", 3*smallFile)
	if err := os.WriteFile(filepath.Join(dir, "long"), []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(strings.Repeat("y", smallFile+7), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		root, name string
		limit      int
	}{
		{"/", "proc/version", 1 << 20}, {"/", "proc/version", 9}, {"/", "proc/self/mountinfo", 1 << 20}, {"/", "proc/self/mountinfo", 2 * smallFile},
		{"/", "proc/no such file", 9}, {"/", "proc/../etc/passwd", 9}, {"/", dir[1:] + "/long", 1 << 20}, {dir, "long", 2000}, {dir, "none", 1},
	} {
		r := New(c.root).root
		want, wantErr := fs.ReadFile(r, c.name)
		got, err := r.AppendFile([]byte("before "), c.name, c.limit)
		if (err == nil) != (wantErr == nil) || errors.Is(err, fs.ErrNotExist) != errors.Is(wantErr, fs.ErrNotExist) {
			t.Errorf("%s: %v, want %v", c.name, err, wantErr)
		}
		if string(got) != "before "+string(want[:min(len(want), c.limit)]) {
			t.Errorf("%s: %d bytes, want 7 and %d of %d", c.name, len(got), c.limit, len(want))
		}
	}
	for _, c := range [][2]string{{"/", "proc/self/exe"}, {"/", "proc/self/ns/net"}, {"/", "proc/self/none"}, {"/", dir[1:] + "/link"}, {dir, "link"}, {dir, "long"}} {
		r := New(c[0]).root
		want, wantErr := r.ReadLink(c[1])
		got, err := r.AppendLink([]byte("before "), c[1])
		if (err == nil) != (wantErr == nil) || string(got) != "before "+want {
			t.Errorf("%s: %q, %v, want %q, %v", c[1], got, err, want, wantErr)
		}
	}
}

func TestAskingOfAProcessAgainMakesAlmostNoGarbage(t *testing.T) {
	r := New("/").root
	buf := make([]byte, 0, 4*smallFile)
	// The path, and once more as the kernel wants it.
	if n := testing.AllocsPerRun(100, func() { _, _ = r.AppendFile(buf, "proc/self/stat", 4096) }); n > 2 {
		t.Errorf("a file makes %v pieces of garbage", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = r.AppendLink(buf, "proc/self/ns/net") }); n > 2 {
		t.Errorf("a link makes %v pieces of garbage", n)
	}
}
