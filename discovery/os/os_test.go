package os

import (
	"os/exec"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
	"assim/host"
)

func TestRecordedSystems(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func TestValuesOfOsReleaseAreUnquotedAsAShellWould(t *testing.T) {
	for in, want := range map[string]string{
		`debian`:             `debian`,
		`"Debian GNU/Linux"`: `Debian GNU/Linux`,
		`'it is "quoted"'`:   `it is "quoted"`,
		`"a \"b\" \$c \d"`:   `a "b" $c \d`,
		`a\ b`:               `a b`,
		`"unterminated`:      `unterminated`,
		`'back\slash'`:       `back\slash`,
		`"x"'y'z`:            `xyz`,
		`trailing\`:          `trailing\`,
	} {
		if got := unquote(in); got != want {
			t.Errorf("%s reads %s, want %s", in, got, want)
		}
	}
}

func TestThisMachineEqualsWhatUnameSays(t *testing.T) {
	got, err := collect(t.Context(), host.New("/"))
	if err != nil {
		t.Fatal(err)
	}
	p := got.(*payload)
	for flag, have := range map[string]string{"-s": p.Kernel.Name, "-r": p.Kernel.Release, "-v": p.Kernel.Version, "-m": p.Arch, "-n": p.Hostname} {
		out, err := exec.Command("uname", flag).Output()
		if err != nil {
			t.Skip("there is no uname here; nothing is compared")
		}
		if want := strings.TrimSpace(string(out)); have != want {
			t.Errorf("uname %s says %q, we say %q", flag, want, have)
		}
	}
}

func FuzzRelease(f *testing.F) {
	f.Add("NAME=\"Debian\"\nID='x'\n# comment\n=\n\\")
	f.Fuzz(func(_ *testing.T, text string) { parseRelease(text) })
}
