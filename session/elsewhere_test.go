package session

import (
	"slices"
	"testing"
	"time"
)

func TestNanoprobeSurvivesACMAFromAnOlderBackup(t *testing.T) {
	w := newWorld(t, 1)
	var backup Mark
	for i := range 4 {
		w.node.Report(w.now, obs(i))
		w.run(time.Minute, w.node.Quiet)
		if i == 1 {
			backup = w.mark
		}
	}
	w.mark = backup
	w.startCMA()
	w.node.Report(w.now, obs(9))
	if !w.run(time.Minute, w.node.Quiet) {
		t.Fatalf("stuck: %v", w.log)
	}
	if want := []string{"kind 1", "0", "1", "2", "3", "kind 1", "9"}; !slices.Equal(w.log, want) {
		t.Fatalf("durable %v, want %v", w.log, want)
	}
	if w.elsewhere != 0 {
		t.Error("a backup is taken for a second CMA")
	}
}

func TestWhoHadToDoWithAnotherCMAIsNotedOnceWhenItReturns(t *testing.T) {
	w := newWorld(t, 1)
	w.node.Report(w.now, obs(1))
	w.run(time.Minute, w.node.Quiet)
	first, mark := w.cma, w.mark
	w.startCMA() // beside the first, from a copy of its disk
	w.node.Report(w.now, obs(2))
	w.run(time.Minute, w.node.Quiet)
	w.cma, w.mark = first, mark
	for i := 3; i < 6; i++ {
		w.node.Report(w.now, obs(i))
		if !w.run(time.Minute, w.node.Quiet) {
			t.Fatalf("stuck: %v", w.log)
		}
	}
	if w.elsewhere != 1 {
		t.Errorf("noted %d times", w.elsewhere)
	}
	if want := []string{"kind 1", "1", "2", "kind 1", "3", "4", "5"}; !slices.Equal(w.log, want) {
		t.Errorf("durable %v, want %v", w.log, want)
	}
}

func TestWhoIsAboutToBeginAnewElsewhereAndReturnsIsNotedToo(t *testing.T) {
	w := newWorld(t, 1)
	w.node.Report(w.now, obs(1))
	w.run(time.Minute, w.node.Quiet)
	first, mark := w.cma, w.mark
	w.mark.Seq-- // an older copy, which lacks the report
	w.startCMA()
	w.node.Report(w.now, obs(2))
	session := w.session
	w.run(time.Minute, func() bool { return w.session > session })
	w.cma, w.mark = first, mark
	if !w.run(time.Minute, w.node.Quiet) {
		t.Fatalf("stuck: %v", w.log)
	}
	if w.elsewhere != 1 {
		t.Errorf("noted %d times", w.elsewhere)
	}
}
