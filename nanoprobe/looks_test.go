package nanoprobe

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"assim/discovery/connections"
	"assim/wire/pack"
)

func TestAFailureIsLoggedOnceForEachReason(t *testing.T) {
	n, _ := one(t)
	var out bytes.Buffer
	n.log = slog.New(slog.NewTextHandler(&out, nil))
	for i, reason := range []string{"no drive", "no drive", "no tape", "no tape", "", "no tape"} {
		l := look{typ: connections.Type, err: errors.New(reason)}
		if reason == "" {
			l.err, l.text, l.hash = nil, []byte("{}"), pack.HashOf([]byte("{}"))
		}
		n.looked(t0.Add(time.Duration(i)*time.Minute), l)
	}
	const want = 3 // no drive; no tape; and again after it had worked
	if got := strings.Count(out.String(), "discovery failed"); got != want {
		t.Errorf("logged %d times, want %d:\n%s", got, want, out.String())
	}
}
