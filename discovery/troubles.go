package discovery

import (
	"strings"
	"time"
)

// What is told of types that do not do what they are to.
const (
	// worthTelling is the cost of a look from which on the rest after it is told,
	// when it holds back the next look. Shorter ones are nobody's worry.
	worthTelling = time.Second
	// tellAgain is how long what was told of a type that rests again and again
	// stands: a program that costs too much on all systems floods nobody.
	tellAgain = time.Minute
	// tellHaste is how long a type takes its time before that is told. Twice the
	// limit of its haste comes back in less, if nothing more happens.
	tellHaste = 3 * time.Minute
	// failPatience is how long a type fails before that is told. What vanished
	// while it was looked at is there, or not, at the next look.
	failPatience = time.Minute
	// tellError is how long the error that was told of a failing type stands: it may
	// be worded differently each time.
	tellError = time.Hour
	// maxErrorText bounds an error in a document, in bytes.
	maxErrorText = 300
)

// Rest tells that a type is held back by its budget.
type Rest struct {
	Type   string `json:"type"`
	Until  string `json:"until,omitempty"` // RFC 3339; not before then. Empty: it looks, and takes its time
	CostMS int64  `json:"cost_ms"`         // CPU time of the last look
}

// Failure tells that a type cannot be looked at.
type Failure struct {
	Type  string `json:"type"`
	Error string `json:"error"`
	Since string `json:"since"` // RFC 3339; no look has succeeded from then on
}

// told is what was told of one type.
type told struct {
	rest   Rest      // its Type is empty when it does not rest
	restAt time.Time // when rest was filled in last
	fail   Failure   // its Type is empty when it does not fail
	failAt time.Time // when its error was filled in last
}

// Rests lists what is to be told of types that are due and held back by their
// budget, or that something happens to again and again, so that they take their
// time; in the order of the list.
func (s *Schedule) Rests(now time.Time) []Rest {
	var all []Rest
	for _, e := range s.entries {
		e.haste.recover(now)
		late := now.Sub(e.told.restAt) >= tellAgain
		slow := e.haste.spent && now.Sub(e.haste.since) >= tellHaste
		switch held := e.held(now); {
		case !held && !slow:
			e.told.rest = Rest{}
		case held && late && !e.running:
			e.told.rest = Rest{e.typ.Name, e.rest.UTC().Format(time.RFC3339), e.state.Cost.Milliseconds()}
			e.told.restAt = now
		case !held && e.told.rest.Type == "":
			e.told.rest = Rest{Type: e.typ.Name, CostMS: e.state.Cost.Milliseconds()}
		}
		if e.told.rest.Type != "" {
			all = append(all, e.told.rest)
		}
	}
	return all
}

// held reports whether e would look earlier but for its budget. The look that
// ends a rest decides whether another one follows.
func (e *entry) held(now time.Time) bool {
	if e.running {
		return e.told.rest.Until != ""
	}
	return e.state.Cost >= worthTelling && e.wants().Before(e.when()) && (e.rest.After(now) || e.told.rest.Until != "")
}

// fails notes how a look ended.
func (e *entry) fails(now time.Time, err error) {
	switch {
	case err == nil:
		e.state.Error, e.state.Failing = "", time.Time{}
		return
	case e.state.Failing.IsZero():
		e.state.Failing = now
	}
	e.state.Error = err.Error()
}

// Failures lists the types that have failed for a while, in the order of the list.
func (s *Schedule) Failures(now time.Time) []Failure {
	var all []Failure
	for _, e := range s.entries {
		since := e.state.Failing
		if since.IsZero() || now.Sub(since) < failPatience {
			e.told.fail = Failure{}
			continue
		}
		if e.told.fail.Type == "" || now.Sub(e.told.failAt) >= tellError {
			e.told.fail = Failure{e.typ.Name, clip(e.state.Error), since.UTC().Format(time.RFC3339)}
			e.told.failAt = now
		}
		all = append(all, e.told.fail)
	}
	return all
}

// clip keeps the beginning of a text that may come from anywhere.
func clip(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxErrorText)], "")
}
