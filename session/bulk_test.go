package session

import (
	"testing"
	"time"

	"assim/wire"
)

func TestWhatIsRecalledTakesABulkContactAndIsAskedForUntilItCame(t *testing.T) {
	w := newWorld(t, 1)
	w.node.Recall(wire.DocRef{Type: "connections", Hash: wire.Hash{1}})
	w.node.Recall(wire.DocRef{Type: "connections", Hash: wire.Hash{2}})
	for contact := 1; contact <= 2; contact++ {
		if _, ok := w.node.BulkRecall(); ok {
			t.Fatal("asked for before there is a contact")
		}
		if w.run(2*time.Minute, func() bool { return w.count(OpenBulk) == contact }); w.count(OpenBulk) != contact {
			t.Fatalf("%d contacts, want %d", w.count(OpenBulk), contact)
		}
		r, ok := w.node.BulkRecall()
		if !ok || r.Hash != (wire.Hash{2}) {
			t.Fatalf("%v, %v is asked for, want the newest", r, ok)
		}
		if contact == 1 {
			w.node.BulkDone(w.now, true)
			continue
		}
		w.node.Recalled(r)
		w.node.BulkDone(w.now, false)
	}
	if _, ok := w.node.BulkRecall(); ok || !w.node.Quiet() {
		t.Error("it is asked for although it came")
	}
}
