package cma

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"assim/wire"
	"assim/wire/pack"
)

func TestAMemberThatSendsEverDifferentNonsenseIsOneLineAMinuteAndOverWhenItStops(t *testing.T) {
	in, _ := taking(t)
	var log bytes.Buffer
	now := time.Unix(1_800_000_000, 0)
	in.health = newHealth(slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now })
	for i := range 600 { // ten minutes of it
		d := wire.Document{DocRef: wire.DocRef{Type: fmt.Sprint("type", i)}, Encoding: wire.Zstd, Data: fmt.Append(nil, "nonsense ", i)}
		body := wire.AppendDocument(nil, &d)
		if i%3 == 0 {
			body = body[:i%40] // cut off
		}
		if r := in.handle(t.Context(), parcel{from: id(1), kind: wire.KindDocument, session: 7, seq: uint32(i + 1), body: body}); r.err != nil {
			t.Fatalf("number %d is not let go: %v", i, r.err)
		}
		now = now.Add(time.Second)
	}
	if lines := strings.Count(log.String(), "\n"); lines > 11 {
		t.Errorf("%d lines in ten minutes:\n%s", lines, log.String())
	}
	list := in.health.offenders.read(now)
	if len(list) != 1 || list[0].Count != 600 || list[0].System != id(1).String() || list[0].Reason == "" {
		t.Errorf("the status says %+v", list)
	}
	if _, _, last, _ := in.health.read(); last != "" {
		t.Errorf("it is taken for an error of the CMA: %s", last)
	}
	if list := in.health.offenders.read(now.Add(offenceLasts)); len(list) != 0 {
		t.Errorf("it never ends: %+v", list)
	}
}

func TestOneSystemCannotFillTheStoreWithWhatIsSetAside(t *testing.T) {
	in, store := taking(t)
	for i := range 3 * maxAside {
		d, err := pack.Pack("x", fmt.Sprint(i), []byte(`"error"`), nil)
		if err != nil {
			t.Fatal(err)
		}
		if i == 2*maxAside { // as after a restart
			in.asides = asides{}
		}
		if r := in.handle(t.Context(), parcel{from: id(1), kind: wire.KindDocument, session: 7, seq: uint32(i + 1), body: wire.AppendDocument(nil, &d)}); r.err != nil {
			t.Fatal(r.err)
		}
	}
	kept := 0
	for _, err := range store.Records(t.Context(), asideBucket) {
		if err != nil {
			t.Fatal(err)
		}
		kept++
	}
	if kept != maxAside {
		t.Errorf("%d documents are set aside, want %d", kept, maxAside)
	}
	list := in.health.offenders.read(time.Now())
	if len(list) != 1 || list[0].Count != 2*maxAside {
		t.Errorf("the status says %+v", list)
	}
}

func TestTheOffendersAreBounded(t *testing.T) {
	var l offenders
	now := time.Unix(1_800_000_000, 0)
	for i := range 2 * maxOffenders {
		l.note(now, wire.ID{byte(i), byte(i >> 8), 1}, errors.ErrUnsupported.Error())
	}
	if n := len(l.read(now)); n != maxOffenders {
		t.Errorf("%d are kept", n)
	}
}
