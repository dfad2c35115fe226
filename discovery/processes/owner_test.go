package processes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"assim/discovery"
	"assim/discovery/discoverytest"
	"assim/discovery/proc"
	"assim/host"
)

func running(exes ...string) (list []*proc.Process) {
	for _, exe := range exes {
		list = append(list, &proc.Process{Exe: exe})
	}
	return list
}

func TestEveryPackageManagersListNamesTheOwner(t *testing.T) {
	for name, c := range map[string]struct{ file, text, exe, want string }{
		"dpkg":             {"var/lib/dpkg/info/nginx-light:amd64.list", "/.\n/usr/sbin\n/usr/sbin/nginx\n", "/usr/sbin/nginx", "nginx-light"},
		"dpkg, merged usr": {"var/lib/dpkg/info/bash.list", "/bin/bash\n", "/usr/bin/bash", "bash"},
		"pacman":           {"var/lib/pacman/local/gcc-libs-14.1.1-1/files", "%FILES%\nusr/\nusr/bin/x\n", "/usr/bin/x", "gcc-libs"},
		"apk":              {"lib/apk/db/installed", "C:Q1x=\nP:busybox\nV:1.36\nF:bin\nR:busybox\na:0:0:755\nF:etc\nR:securetty\n\nP:nginx\nF:usr/sbin\nR:nginx\n", "/usr/sbin/nginx", "nginx"},
		"apk, first":       {"lib/apk/db/installed", "P:busybox\nF:bin\nR:busybox\n\nP:nginx\nF:usr/sbin\nR:nginx\n", "/bin/busybox", "busybox"},
		"nobody":           {"lib/apk/db/installed", "P:busybox\nF:bin\nR:busybox\n", "/opt/x", ""},
	} {
		root := fstest.MapFS{c.file: {Data: []byte(c.text)}}
		if strings.HasPrefix(name, "dpkg") {
			root[debDatabase] = &fstest.MapFile{}
		}
		o, list := &owners{}, running(c.exe)
		o.refresh(t.Context(), discoverytest.NewHost(root, discoverytest.Host{}), list)
		if got := o.of(list[0]); got != c.want {
			t.Errorf("%s: %s belongs to %q, want %q", name, c.exe, got, c.want)
		}
	}
}

// rpm answers about files as rpm -qf does, from a table of a real one's answers.
type rpm struct {
	discovery.Host
	answers map[string]string
	err     error
	asked   int
}

func (r *rpm) Run(_ context.Context, name string, args ...string) ([]byte, error) {
	r.asked++
	if r.err != nil {
		return nil, r.err
	}
	var out strings.Builder
	for _, file := range args[3:] {
		out.WriteString(r.answers[file])
	}
	return []byte(out.String()), &discovery.Exit{Name: name, Code: 1}
}

func TestRPMsAnswersAreGivenToTheFilesTheyAreAbout(t *testing.T) {
	answers := map[string]string{"/usr/sbin/sshd": "openssh-server\n", "/opt/x": "file /opt/x is not owned by any package\n",
		"/usr/bin/gone": "", "/usr/lib/two": "a\nb\n", "/usr/sbin/crond": "cronie\n"}
	want := map[string]string{"/usr/sbin/sshd": "openssh-server", "/opt/x": "", "/usr/bin/gone": "", "/usr/lib/two": "", "/usr/sbin/crond": "cronie"}
	for name, exes := range map[string][]string{
		"all at once":         {"/usr/sbin/sshd", "/opt/x", "/usr/sbin/crond"},
		"one that is gone":    {"/usr/sbin/sshd", "/usr/bin/gone", "/usr/sbin/crond"},
		"one with two owners": {"/usr/sbin/sshd", "/usr/lib/two", "/usr/sbin/crond"},
		"two wrongs, one sum": {"/usr/sbin/sshd", "/opt/x", "/usr/bin/gone"},
	} {
		root := fstest.MapFS{"var/lib/rpm/rpmdb.sqlite": {}}
		h := &rpm{Host: discoverytest.NewHost(root, discoverytest.Host{}), answers: answers}
		o, list := &owners{}, running(exes...)
		o.refresh(t.Context(), h, list)
		for _, p := range list {
			if got := o.of(p); got != want[p.Exe] {
				t.Errorf("%s: %s belongs to %q, want %q", name, p.Exe, got, want[p.Exe])
			}
		}
		asked := h.asked
		if o.refresh(t.Context(), h, list); h.asked != asked {
			t.Errorf("%s: rpm is asked again, and nothing changed", name)
		}
	}
	h := &rpm{Host: discoverytest.NewHost(fstest.MapFS{"var/lib/rpm/Packages": {}}, discoverytest.Host{}), err: errors.New("rpm: killed: no end in 20s")}
	new(owners).refresh(t.Context(), h, running("/a", "/b", "/c"))
	if h.asked != 1 {
		t.Errorf("rpm hangs, and is asked %d times", h.asked)
	}
}

// insideEnv is set where the test has a rpm database of its own.
const insideEnv = "ASSIM_PROCESSES_TEST_DIR"

// TestARealRPMKnowsTheOwner builds a package, installs it into a database that
// nobody else sees, and asks who owns its program.
func TestARealRPMKnowsTheOwner(t *testing.T) {
	for _, tool := range []string{"rpm", "rpmbuild"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s here; its answers are tried from a table, in another test", tool)
		}
	}
	if dir := os.Getenv(insideEnv); dir != "" {
		realRPM(t, dir)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("only root can have a rpm database of its own")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run", "^TestARealRPMKnowsTheOwner$")
	cmd.Env = append(os.Environ(), insideEnv+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("inside:\n%s", out)
	switch {
	case errors.Is(err, unix.EPERM), strings.Contains(string(out), "--- SKIP: "):
		t.Skipf("this kernel does not let us, or this rpm keeps its things elsewhere (%v)", err)
	case err != nil || !strings.Contains(string(out), "--- PASS: "):
		t.Fatalf("inside: %v", err)
	}
}

func realRPM(t *testing.T, dir string) {
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	program := filepath.Join(dir, "bin", "served")
	spec := filepath.Join(dir, "x.spec")
	text := fmt.Sprintf("Name: served-well\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%%description\nx\n%%install\nmkdir -p %%{buildroot}%s\ntouch %%{buildroot}%s\n%%files\n%s\n",
		filepath.Dir(program), program, program)
	const usual = "/usr/lib/rpm/macros"
	says, err := os.ReadFile(usual)
	if err != nil {
		t.Skip(err)
	}
	macros := filepath.Join(dir, "macros")
	// Debian keeps rpm's database in the home of who asks; elsewhere it is here.
	for name, content := range map[string]string{spec: text, macros: string(says) + "\n%_dbpath /var/lib/rpm\n"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	database := filepath.Join(dir, "database")
	if err := os.Mkdir(database, 0o755); err != nil {
		t.Fatal(err)
	}
	for at, by := range map[string]string{"/var/lib/rpm": database, usual: macros} {
		if err := unix.Mount(by, at, "", unix.MS_BIND, ""); err != nil {
			t.Skipf("%s: %v; this rpm keeps its things elsewhere", at, err)
		}
	}
	run("rpmbuild", "-bb", "--define", "_topdir "+dir+"/build", spec)
	built, err := filepath.Glob(filepath.Join(dir, "build/RPMS/noarch/*.rpm"))
	if err != nil || len(built) != 1 {
		t.Fatalf("built %q, %v", built, err)
	}
	run("rpm", "-i", "--nodeps", built[0])
	other := filepath.Join(dir, "bin", "other")
	if err := os.WriteFile(other, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	o, list := &owners{}, running(program, other)
	o.refresh(t.Context(), host.New("/"), list)
	got := []string{o.of(list[0]), o.of(list[1])}
	if !slices.Equal(got, []string{"served-well", ""}) {
		t.Errorf("the owners are %q", got)
	}
}

// FuzzLists reads what a package manager may have written: no line of it is the
// owner of a program that it does not name.
func FuzzLists(f *testing.F) {
	f.Add("P:busybox\nF:bin\nR:busybox\n\nP:nginx\nF:usr/sbin\nR:nginx\n")
	f.Add("R:x\nF:\nR:bin/busybox\nP:\nF:bin\nR:busybox")
	f.Add("bin/busybox\n/bin/busybox\n")
	f.Fuzz(func(t *testing.T, text string) {
		o, list := &owners{}, running("/bin/busybox", "/opt/nobody's")
		root := fstest.MapFS{apkDatabase: {Data: []byte(text)}, debDatabase: {}, "var/lib/dpkg/info/some.list": {Data: []byte(text)}, pacmanDatabase + "/other-1-1/files": {Data: []byte(text)}}
		o.refresh(t.Context(), discoverytest.NewHost(root, discoverytest.Host{}), list)
		if owner := o.of(list[0]); owner != "" && !strings.Contains(text, "busybox") {
			t.Errorf("%q owns it by %q", owner, text)
		}
		if owner := o.of(list[1]); owner != "" && !strings.Contains(text, "nobody's") {
			t.Errorf("%q owns what nobody does by %q", owner, text)
		}
	})
}
