package nanoprobe

import (
	"testing"
	"time"

	"assim/wire"
)

var t0 = time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)

func sees(d *documents, at time.Duration, typ string, text string) bool {
	return d.found(t0.Add(at), name{typ, ""}, []byte(text), wire.Hash{text[0]}, false)
}

func jsonOf(t *testing.T, of *text) string {
	t.Helper()
	json, err := of.read()
	if err != nil {
		t.Fatal(err)
	}
	return string(json)
}

func TestUnchangedSaysNothing(t *testing.T) {
	d := newDocuments()
	sees(d, 0, "os", "a")
	d.hashes(t0.Add(time.Second))
	if sees(d, 2*time.Second, "os", "a") {
		t.Error("an unchanged document is to be sent")
	}
	if !sees(d, 3*time.Second, "os", "b") {
		t.Error("a changed document is not to be sent")
	}
}

func TestFirstLooksAreToldAsHashesInOneMessage(t *testing.T) {
	d := newDocuments()
	if sees(d, 0, "os", "a") || sees(d, 100*time.Millisecond, "cpu", "b") {
		t.Error("a first look was to be sent as a document")
	}
	if refs := d.hashes(t0.Add(200 * time.Millisecond)); refs != nil {
		t.Errorf("told %v before the first looks were gathered", refs)
	}
	if refs := d.hashes(t0.Add(hashesDelay)); len(refs) != 2 {
		t.Errorf("told %v, want two hashes", refs)
	}
	if refs := d.hashes(t0.Add(time.Hour)); refs != nil {
		t.Errorf("told %v again", refs)
	}
}

func TestAChangeBeforeTheHashesAreToldIsToldWithThem(t *testing.T) {
	d := newDocuments()
	sees(d, 0, "os", "a")
	if sees(d, 10*time.Millisecond, "os", "b") {
		t.Error("sent before its hash was told")
	}
	if refs := d.hashes(t0.Add(time.Second)); len(refs) != 1 || refs[0].Hash != (wire.Hash{'b'}) {
		t.Errorf("told %v, want the hash of b", refs)
	}
}

func TestAPatchRestsOnlyOnWhatTheCMAHas(t *testing.T) {
	d := newDocuments()
	sees(d, 0, "os", "a")
	d.hashes(t0.Add(time.Second))
	sees(d, 2*time.Second, "os", "b")
	if _, doc := d.wanted(wire.DocRef{Type: "os", Hash: wire.Hash{'a'}}); jsonOf(t, doc.base) != "a" {
		t.Errorf("base is %q, want the version the CMA has", jsonOf(t, doc.base))
	}
	if _, doc := d.wanted(wire.DocRef{Type: "os", Hash: wire.Hash{'x'}}); doc.base != nil {
		t.Errorf("base is %q, though the CMA has another version", jsonOf(t, doc.base))
	}
	d.stored(wire.DocRef{Type: "os", Hash: wire.Hash{'b'}})
	if _, doc := d.wanted(wire.DocRef{Type: "os", Hash: wire.Hash{'b'}}); doc.base != nil {
		t.Error("the CMA asks for what it says it has: it cannot be a base")
	}
}

func TestANewSessionTellsAllHashesAnew(t *testing.T) {
	d := newDocuments()
	sees(d, 0, "os", "a")
	d.hashes(t0.Add(time.Second))
	d.again(t0.Add(time.Minute))
	if refs := d.hashes(t0.Add(time.Minute + hashesDelay)); len(refs) != 1 {
		t.Errorf("told %v, want the one hash", refs)
	}
}
