package fileattrs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"assim/discovery/discoverytest"
	"assim/host"
)

// collected are the attributes that a real collector tells of files that the
// list of a new root names.
func collected(t *testing.T, root string) *Payload {
	t.Helper()
	payload, err := collect(t.Context(), host.New(root))
	if err != nil {
		t.Fatal(err)
	}
	return payload.(*Payload)
}

// entries of a list as the kernel has them: version 2, then tag, permissions and
// id of each.
const (
	accessACL  = "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x02\x00\x04\x00\x22\x00\x00\x00\x04\x00\x04\x00\xff\xff\xff\xff\x08\x00\x01\x00\xe7\x03\x00\x00\x10\x00\x05\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff"
	accessText = "user::rw-,user:backup:r--,group::r--,group:999:--x,mask::r-x,other::---"
)

func TestAccessListsAndContextsAreToldAsTheKernelHasThem(t *testing.T) {
	root := t.TempDir()
	discoverytest.Write(t, root, "etc/passwd", "backup:x:34:34::/:/bin/sh\n")
	file := discoverytest.Write(t, root, "etc/shadow", "")
	dir := filepath.Dir(discoverytest.Write(t, root, "etc/sudoers.d/x", ""))
	for _, x := range [][3]string{
		{file, "system.posix_acl_access", accessACL}, {dir, "system.posix_acl_default", accessACL}, {file, "security.selinux", "system_u:object_r:shadow_t:s0\x00"},
	} {
		if err := unix.Setxattr(x[0], x[1], []byte(x[2]), 0); err != nil {
			t.Skipf("%s cannot be written here (%v); it takes root, and a file system that keeps it", x[1], err)
		}
	}
	files := collected(t, root).Files
	if got := files["/etc/shadow"]; got.ACL != accessText || got.SELinux != "system_u:object_r:shadow_t:s0" || got.Default != "" {
		t.Errorf("the file has %+v", got)
	}
	if got := files["/etc/sudoers.d"]; got.Default != accessText || got.ACL != "" {
		t.Errorf("the directory has %+v", got)
	}
	if got := files["/etc/passwd"]; got.ACL != "" || got.SELinux != "" {
		t.Errorf("a file without a list has %+v", got)
	}
}

func TestAccessListsEqualGetfacls(t *testing.T) {
	for _, tool := range []string{"setfacl", "getfacl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s here to compare with; the kernel's own form is, in another test", tool)
		}
	}
	root := t.TempDir()
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	discoverytest.Write(t, root, "etc/passwd", string(passwd))
	for name, acl := range map[string]string{"shadow": "u:daemon:r,g:12345:rwx", "group": "u:54321:x,m::r", "gshadow": "g::-,o::-"} {
		file := discoverytest.Write(t, root, "etc/"+name, "")
		if out, err := exec.Command("setfacl", "-m", acl, file).CombinedOutput(); err != nil {
			t.Skipf("setfacl: %v: %s", err, out)
		}
		out, err := exec.Command("getfacl", "-cpE", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", ",")
		if !strings.Contains(want, "mask") {
			want = "" // no more than the mode says
		}
		if got := collected(t, root).Files["/etc/"+name].ACL; got != want {
			t.Errorf("%s: %q, getfacl has %q", acl, got, want)
		}
	}
}

func FuzzACL(f *testing.F) {
	f.Add([]byte(accessACL))
	f.Add([]byte(accessACL[:4]))
	f.Add([]byte(accessACL[:9]))
	f.Add([]byte("\x02\x00\x00\x00\x40\x00\x06\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, list []byte) {
		text, err := aclText("x", list, nil, nil)
		entries := (len(list) - aclHeader) / aclEntry
		if err == nil && strings.Count(text, ":") != 2*entries {
			t.Errorf("%d entries are %q", entries, text)
		}
	})
}
