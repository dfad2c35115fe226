package conf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"assim/discovery/all"
	"assim/host"
)

// insideEnv is set where a test runs among mounts of its own.
const insideEnv = "ASSIM_CONF_TEST_DIR"

// alone runs a test of this program anew among mounts of its own, which nobody
// else sees and which are gone with it.
func alone(t *testing.T, name string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount; hanging and replaced files are not looked at")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run", "^"+name+"$")
	cmd.Env = append(os.Environ(), insideEnv+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("inside:\n%s", out)
	switch {
	case errors.Is(err, unix.EPERM), bytes.Contains(out, []byte("--- SKIP: "+name)):
		t.Skipf("this kernel does not let us (%v)", err)
	case err != nil || !bytes.Contains(out, []byte("--- PASS: "+name)):
		t.Fatalf("inside: %v", err)
	}
}

// inside returns the directory to mount in, where the test runs alone.
func inside(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(insideEnv)
	if dir == "" {
		t.Skip("runs only among mounts of its own")
	}
	return dir
}

func TestAMountThatNeverAnswersHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	alone(t, "TestInsideAMountNeverAnswers")
}

// TestInsideAMountNeverAnswers looks at file systems in the hands of a program
// that has stopped: as parts of another root with every type, and somewhere on
// this machine.
func TestInsideAMountNeverAnswers(t *testing.T) {
	dir := inside(t)
	t.Run("root", func(t *testing.T) { everyTypeBesideDeadMounts(t, filepath.Join(dir, "root"), "etc", "usr") })
	t.Run("live", func(t *testing.T) { filesBesideADeadMount(t, filepath.Join(dir, "live")) })
}

func everyTypeBesideDeadMounts(t *testing.T, root string, names ...string) {
	t.Parallel()
	for _, name := range names {
		mute(t, filepath.Join(root, name))
	}
	// Each is found out once, by six seconds of waiting, and not by each type.
	limit := time.Duration(len(names))*6*time.Second + patience
	begun := time.Now()
	h := host.New(root)
	for _, typ := range all.Types {
		look(t, typ, h, limit)
	}
	if took := time.Since(begun); took > limit {
		t.Errorf("all types together took %v", took)
	}
}

func filesBesideADeadMount(t *testing.T, mount string) {
	t.Parallel()
	mute(t, mount)
	const soon = 3 * time.Second // less than a mount takes to be found out
	root, dead := host.New("/").Root(), strings.TrimPrefix(mount, "/")
	for i, limit := range []time.Duration{patience, soon, soon} {
		begun := time.Now()
		_, err := fs.ReadFile(root, fmt.Sprint(dead, "/", i))
		if took := time.Since(begun); !errors.Is(err, host.ErrHangs) || took > limit {
			t.Errorf("a file on the mount reads as %v after %v", err, took)
		}
	}
	if _, err := fs.ReadFile(root, "etc/passwd"); err != nil {
		t.Errorf("a file elsewhere: %v", err)
	}
	if err := unix.Unmount(mount, unix.MNT_FORCE|unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) { // the kernel ends what waits
		_, err := fs.ReadFile(root, dead+"/0")
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the mount is gone, and its file still reads as %v", err)
		}
	}
}

// mute mounts a file system whose server says hello and then nothing: FUSE's raw
// protocol (linux/fuse.h).
func mute(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("/dev/fuse: %v", err)
	}
	if err := unix.Mount("mute", dir, "fuse.mute", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)); err != nil {
		t.Skipf("fuse: %v", err)
	}
	const initOp, header = 26, 16
	request := make([]byte, 64<<10)
	n, err := unix.Read(fd, request)
	if err != nil || n < 40 || binary.NativeEndian.Uint32(request[4:]) != initOp {
		t.Fatalf("the kernel's hello is %d bytes, %v", n, err)
	}
	answer := make([]byte, header+64)
	binary.NativeEndian.PutUint32(answer, uint32(len(answer)))
	copy(answer[8:], request[8:16])                   // which request
	binary.NativeEndian.PutUint32(answer[header:], 7) // version 7.31
	binary.NativeEndian.PutUint32(answer[header+4:], 31)
	binary.NativeEndian.PutUint32(answer[header+20:], 4096) // largest write
	if _, err := unix.Write(fd, answer); err != nil {
		t.Fatal(err)
	}
}

func TestFilesOfTheLiveSystemThatAreNoLongerFilesAreErrorsInTheDocument(t *testing.T) {
	t.Parallel()
	alone(t, "TestInsideReplacedFiles")
}

// TestInsideReplacedFiles puts a gigabyte where /etc/passwd was and pipes where
// other files were, of the system we run on, and looks with every type that
// reads files itself.
func TestInsideReplacedFiles(t *testing.T) {
	dir := inside(t)
	huge, pipe := filepath.Join(dir, "huge"), filepath.Join(dir, "pipe")
	const gigabyte = 1 << 30
	if err := errors.Join(os.WriteFile(huge, []byte("root:x:0:0::/:/bin/sh\n"), 0o644), os.Truncate(huge, gigabyte), unix.Mkfifo(pipe, 0o644)); err != nil {
		t.Fatal(err)
	}
	replaced := map[string]string{"/etc/passwd": huge, "/etc/group": pipe, "/etc/login.defs": pipe, "/etc/nsswitch.conf": pipe, "/etc/crontab": pipe}
	for file, by := range replaced {
		if err := unix.Mount(by, file, "", unix.MS_BIND, ""); err != nil {
			if _, missing := os.Stat(file); missing != nil {
				delete(replaced, file)
				continue
			}
			t.Skipf("%s: %v", file, err)
		}
	}
	// It may be busy, and has more to look at than a root of a few files.
	const limit = time.Minute
	h := host.New("/")
	told := map[string]string{}
	for _, typ := range all.Types {
		if typ.Name == "sshd" {
			continue // sshd -T reads the gigabyte itself, and is killed when its time is up
		}
		if doc := look(t, typ, h, limit); doc != nil {
			told[typ.Name] = string(doc)
		}
	}
	for file, typ := range map[string]string{"/etc/passwd": "users", "/etc/group": "users", "/etc/login.defs": "login_defs", "/etc/nsswitch.conf": "nsswitch", "/etc/crontab": "cron"} {
		_, errs, _ := strings.Cut(told[typ], `"errors":[`)
		if replaced[file] != "" && !strings.Contains(errs, file) {
			t.Errorf("%s is no longer what it was, and the document of %s says: %.200s", file, typ, told[typ])
		}
	}
	const most = 200 << 10 // kB
	if peak := peakMemory(t); peak > most {
		t.Errorf("it took %d MB of memory", peak>>10)
	}
}

// peakMemory returns the most memory this process has had, in kB. What
// getrusage(2) calls so holds that of the parent, too.
func peakMemory(t *testing.T) (kB int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(line, &kB); err != nil {
		t.Fatalf("/proc/self/status has no VmHWM: %v", err)
	}
	return kB
}
