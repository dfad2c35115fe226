package packaging

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var units = []string{"assim-cma.service", "nanoprobe.service"}

// setting returns the words of all lines of a setting in a unit.
func setting(t *testing.T, unit, name string) []string {
	t.Helper()
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			words = append(words, strings.Fields(value)...)
		}
	}
	return words
}

// analyze runs systemd-analyze, which needs no running systemd.
func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("ASSIM_LAB") == "required" {
			t.Fatal(err)
		}
		t.Skipf("the units are not checked: %v", err)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

// The programs need not be installed here: true stands in for them.
func TestSystemdUnderstandsTheUnits(t *testing.T) {
	dir := t.TempDir()
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		text = regexp.MustCompile(`(?m)^ExecStart=.*$`).ReplaceAll(text, []byte("ExecStart=/bin/true"))
		text = regexp.MustCompile(`(?m)^(User|Group)=.*$`).ReplaceAll(text, []byte("$1=daemon"))
		if err := os.WriteFile(filepath.Join(dir, unit), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, unit := range units {
		out, err := analyze(t, "verify", "--man=no", filepath.Join(dir, unit))
		// It tells of units of the machine as well.
		for line := range strings.Lines(out) {
			if strings.Contains(line, unit) {
				t.Error(line)
			}
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
	}
}

// What systemd itself holds of the exposure, from 0 (none) to 10.
func TestTheUnitsAreTight(t *testing.T) {
	for unit, most := range map[string]int{"assim-cma.service": 20, "nanoprobe.service": 45} {
		path, err := filepath.Abs(unit)
		if err != nil {
			t.Fatal(err)
		}
		out, err := analyze(t, "security", "--offline=true", fmt.Sprintf("--threshold=%d", most), path)
		if err != nil {
			t.Errorf("%s: more exposed than %d tenths: %v\n%s", unit, most, err, out)
		}
		if i := strings.LastIndex(out, "→"); i >= 0 {
			t.Log(strings.TrimSpace(out[i:]))
		}
	}
}

func TestTheAgentMayLookAndNotTouch(t *testing.T) {
	ambient, bounding := setting(t, units[1], "AmbientCapabilities"), setting(t, units[1], "CapabilityBoundingSet")
	if strings.Join(ambient, " ") != strings.Join(bounding, " ") {
		t.Errorf("it begins with %v, and may have %v", ambient, bounding)
	}
	looking := map[string]bool{"CAP_NET_RAW": true, "CAP_SYS_PTRACE": true, "CAP_DAC_READ_SEARCH": true, "CAP_PERFMON": true}
	for _, c := range ambient {
		if !looking[c] {
			t.Errorf("%s lets it change the system, or is not known to be for looking only", c)
		}
	}
	if len(setting(t, units[0], "AmbientCapabilities")) > 0 || len(setting(t, units[0], "CapabilityBoundingSet")) > 0 {
		t.Error("the CMA needs no capability")
	}
}

// These give a service mounts of its own: the agent would tell of them, instead
// of those of the system.
func TestTheAgentSeesTheMountsOfTheSystem(t *testing.T) {
	for _, name := range []string{
		"ProtectSystem", "ProtectHome", "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs",
		"ProtectControlGroups", "ProtectProc", "ProcSubset", "ProtectHostname", "PrivateTmp", "PrivateDevices", "PrivateMounts", "PrivateNetwork",
		"PrivateUsers", "PrivateIPC", "ReadOnlyPaths", "ReadWritePaths", "InaccessiblePaths", "BindPaths", "TemporaryFileSystem", "RootDirectory", "DynamicUser",
	} {
		if len(setting(t, units[1], name)) > 0 {
			t.Errorf("%s is set", name)
		}
	}
}

// The units, the users and the programs' defaults speak of the same places.
func TestTheUnitsUseTheProgramsDefaults(t *testing.T) {
	users, err := os.ReadFile("assim.sysusers")
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range units {
		user := setting(t, unit, "User")[0]
		if !regexp.MustCompile(`(?m)^u ` + user + `\s`).Match(users) {
			t.Errorf("%s runs as %s, whom assim.sysusers does not make", unit, user)
		}
		state := "/var/lib/" + setting(t, unit, "StateDirectory")[0]
		if !bytes.Contains(manual, []byte("`"+state+"`")) {
			t.Errorf("%s keeps its state in %s, which is no program's default", unit, state)
		}
	}
	if run := "/run/" + setting(t, units[0], "RuntimeDirectory")[0]; !bytes.Contains(manual, []byte("`"+run+"`")) {
		t.Errorf("the CMA's sockets are in %s, which is not its default", run)
	}
}
