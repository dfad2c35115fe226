package host

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExtendedAttributesAreReadHereAndInAnotherRoot(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(file, "user.color", []byte("green"), 0); err != nil {
		t.Skipf("this file system keeps no extended attributes (%v); they are not compared", err)
	}
	// A link that leaves the other root would find nothing, or another file.
	if err := os.Symlink("/file", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]struct {
		root *rootFS
		file string
	}{
		"live":               {New("/").root, strings.TrimPrefix(file, "/")},
		"other root":         {New(dir).root, "file"},
		"link in other root": {New(dir).root, "link"},
	} {
		got, err := r.root.Xattrs(r.file, "user.none", "user.color")
		if err != nil || len(got) != 2 || got[0] != nil || string(got[1]) != "green" {
			t.Errorf("%s: got %q, %v; want none, and green", name, got, err)
		}
	}
	if _, err := New(dir).root.Xattrs("../file", "user.color"); err == nil {
		t.Error("a name that leaves the root has attributes")
	}
}

func TestAHugeExtendedAttributeIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setxattr(file, "user.big", make([]byte, MaxXattr+1), 0); err != nil {
		t.Skipf("this file system keeps no attribute of %d bytes (%v)", MaxXattr+1, err)
	}
	if _, err := New("/").root.Xattrs(strings.TrimPrefix(file, "/"), "user.big"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an attribute of %d bytes reads as %v", MaxXattr+1, err)
	}
}
