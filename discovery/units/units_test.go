package units

import (
	"slices"
	"testing"

	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Type) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Type) }

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
