package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"assim/e2e/lab"
)

// The one command that begins everything works for an ordinary user, too, who
// sees less; a second start goes on with the same data.
func TestUpShowsThePictureToAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for _, err := range []error{os.Chmod(filepath.Dir(home), 0o755), os.Chmod(home, 0o777)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"assim", "cma", "nanoprobe"} {
		program, err := os.ReadFile(filepath.Join(lab.Programs(t), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(home, name), program, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	id := regexp.MustCompile(`n-[0-9a-f]{32}`)
	seen := map[string]bool{}
	for range 2 {
		up := exec.CommandContext(within(t, patience), filepath.Join(home, "assim"), "up", "-once", "-data", filepath.Join(home, "data"), "-run", filepath.Join(home, "run"),
			"-cma-flags=-listen=127.0.0.1:0", "-nanoprobe-flags=-port=0")
		up.Dir, up.Env = home, []string{"PATH=" + os.Getenv("PATH")}
		if os.Geteuid() == 0 {
			up.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		out, err := up.CombinedOutput()
		if err != nil {
			log, _ := os.ReadFile(filepath.Join(home, "data", "nanoprobe.log"))
			t.Fatalf("%v:\n%s\n%s", err, out, log)
		}
		for _, want := range []string{"it has its place in the rings", `Who listens where(.*\n)+.* cma `, fmt.Sprintf("export ASSIM_CMA=%s/run/cma.sock", home)} {
			if !regexp.MustCompile(want).Match(out) {
				t.Errorf("it does not say %q:\n%s", want, out)
			}
		}
		seen[string(id.Find(out))] = true
	}
	if len(seen) != 1 || seen[""] {
		t.Errorf("the second start does not go on with the first: %v", seen)
	}
}
