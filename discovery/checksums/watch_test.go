package checksums

import (
	"fmt"
	"testing"

	"assim/discovery/discoverytest"
	"assim/host"
)

func TestOfFilesOfASiteBeyondTheLimitAChangeIsSeenAllTheSame(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) { t.Helper(); discoverytest.Write(t, root, name, text) }
	const beyond = 10
	write(siteList, "/srv/**\n/etc/*.d\n/relative\nrelative\n")
	for i := range maxFiles + beyond {
		write(fmt.Sprintf("srv/%03d/%02d", i/100, i%100), "")
	}
	collect, h := collector(), host.New(root)
	look := func() *Payload {
		t.Helper()
		payload, err := collect(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		return payload.(*Payload)
	}
	before := look()
	if n := len(before.Files); n != maxFiles || before.More == nil || before.More.Files != beyond || before.Truncated || len(before.Errors) != 1 {
		t.Fatalf("%d files, more %+v, truncated %v, errors %q", n, before.More, before.Truncated, before.Errors)
	}
	if again := look(); *again.More != *before.More {
		t.Errorf("nothing changed, and %+v became %+v", before.More, again.More)
	}
	write(fmt.Sprintf("srv/%03d/%02d", (maxFiles+beyond-1)/100, (maxFiles+beyond-1)%100), "x")
	if after := look(); after.More.Sum == before.More.Sum || after.More.Files != beyond {
		t.Errorf("the last file changed and the document says %+v as before", after.More)
	}
	write("srv/000/00", "x")
	if after := look(); after.Files["/srv/000/00"] == before.Files["/srv/000/00"] {
		t.Error("the first file changed and its sum did not")
	}
}
