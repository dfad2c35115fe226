package units

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

// What "systemctl list-units" said of the recorded host at the same time.
func TestTheStatesEqualSystemctls(t *testing.T) {
	h, err := discoverytest.Load("testdata/debian12-systemd")
	if err != nil {
		t.Fatal(err)
	}
	payload, err := collect(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, u := range payload.(*Payload).Units {
		got[u.Name] = u.Load + " " + u.Active
	}
	text, err := os.ReadFile("testdata/debian12-systemd.list-units")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		want := f[1] + " " + f[2]
		if f[1] == "not-found" {
			want = "" // only mentioned by others
		}
		if got[f[0]] != want {
			t.Errorf("%s is %q, systemctl has %q", f[0], got[f[0]], want)
		}
	}
}

// What "systemctl list-unit-files" said of the recorded root when it ran.
func TestWhatIsEnabledEqualsSystemctlOnARootThatDoesNotRun(t *testing.T) {
	h, err := discoverytest.Load("testdata/debian12-root")
	if err != nil {
		t.Fatal(err)
	}
	payload, err := collect(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, u := range payload.(*Payload).Units {
		got[u.Name] = u.Enabled
	}
	text, err := os.ReadFile("testdata/debian12-root.list-unit-files")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if got[f[0]] != f[1] {
			t.Errorf("%s is %q, systemctl has %q", f[0], got[f[0]], f[1])
		}
	}
}

func TestStatesOfAMomentAreNotFacts(t *testing.T) {
	const text = `Id=job.service
Type=oneshot
LoadState=loaded
ActiveState=activating
Result=success

Id=web.service
Type=notify
LoadState=loaded
ActiveState=reloading
Result=success

Id=loop.service
Type=simple
LoadState=loaded
ActiveState=activating
Result=exit-code

Id=gone.service
LoadState=not-found
ActiveState=inactive

Id=user@1000.service
LoadState=loaded
ActiveState=active

Id=sshd@3-10.0.0.1:22-10.0.0.2:5000.service
LoadState=loaded
ActiveState=active

Id=postgresql@15-main.service
LoadState=loaded
ActiveState=active
Result=success
`
	var got []string
	for _, u := range parseShow(text) {
		got = append(got, u.Name+" "+u.Active)
	}
	if want := []string{"job.service inactive", "web.service active", "loop.service failed", "postgresql@15-main.service active"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Id=a.service\nActiveState=active\n\nId=b.timer\n")
	f.Add("a.service enabled enabled\n")
	f.Add("### BEGIN INIT INFO\n# Short-Description: x\n### END INIT INFO\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, u := range append(parseShow(text), parseUnitFiles(text)...) {
			if u.Name == "" || u.Active == "activating" {
				t.Errorf("%+v", u)
			}
		}
		lsbDescription(text)
	})
}
