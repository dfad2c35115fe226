package cma

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"assim/wire"
)

func id(n byte) wire.ID { return wire.ID{15: n} }

// drain lets one worker empty the inbox and returns what it saw, in order.
func drain(t *testing.T, b *inbox, want int) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var got []string
	b.work(ctx, 1, func(_ context.Context, p parcel) receipt {
		got = append(got, fmt.Sprintf("%d%s", p.from[15], string(p.body)))
		if len(got) == want {
			cancel()
		}
		return receipt{}
	})
	return got
}

func mustPut(t *testing.T, b *inbox, from byte, typ string) {
	t.Helper()
	if err := b.put(parcel{from: id(from), body: []byte(typ), done: func(receipt) {}}); err != nil {
		t.Fatal(err)
	}
}

func TestOneSystemsFloodDoesNotHoldUpAnother(t *testing.T) {
	b := newInbox()
	for i := range 100 {
		mustPut(t, b, 1, fmt.Sprint("-", i))
	}
	mustPut(t, b, 2, "-os")
	got := drain(t, b, 101)
	if at := slices.Index(got, "2-os"); at < 0 || at > 1 {
		t.Errorf("the other system's document came as number %d of %d, want among the first two", at, len(got))
	}
}

func TestDocumentsOfOneSystemAreWorkedOnInOrderAndOneAtATime(t *testing.T) {
	b := newInbox()
	for i := range 50 {
		mustPut(t, b, 1, fmt.Sprint("-", i))
	}
	ctx, cancel := context.WithCancel(context.Background())
	var mu sync.Mutex
	var order []string
	working := 0
	b.work(ctx, 8, func(_ context.Context, p parcel) receipt {
		mu.Lock()
		working++
		if working > 1 {
			t.Error("two documents of one system at once")
		}
		order = append(order, string(p.body))
		if len(order) == 50 {
			cancel()
		}
		working--
		mu.Unlock()
		return receipt{}
	})
	for i, typ := range order {
		if typ != fmt.Sprint("-", i) {
			t.Fatalf("number %d was %s", i, typ)
		}
	}
}

func TestAFullInboxSaysSoAndCounts(t *testing.T) {
	b := newInbox()
	for range maxPerSystem {
		mustPut(t, b, 1, "x")
	}
	if err := b.put(parcel{from: id(1)}); !errors.Is(err, errInboxFull) {
		t.Errorf("one system's document %d: got %v, want %v", maxPerSystem+1, err, errInboxFull)
	}
	mustPut(t, b, 2, "x")
	if err := b.put(parcel{from: id(3), body: make([]byte, maxInboxBytes)}); !errors.Is(err, errInboxFull) {
		t.Errorf("too many bytes: got %v, want %v", err, errInboxFull)
	}
	if waiting, dropped := b.size(); waiting != maxPerSystem+1 || dropped != 2 {
		t.Errorf("waiting %d, dropped %d; want %d, 2", waiting, dropped, maxPerSystem+1)
	}
}

func TestEveryParcelTakenIsAnsweredOnce(t *testing.T) {
	b := newInbox()
	var answered sync.Map
	ctx, cancel := context.WithCancel(context.Background())
	failure := errors.New("disk")
	var left sync.WaitGroup
	for n := range byte(20) {
		left.Add(1)
		err := b.put(parcel{from: id(n), body: []byte("x"), done: func(r receipt) {
			if _, twice := answered.LoadOrStore(n, r.err); twice {
				t.Errorf("system %d was answered twice", n)
			}
			left.Done()
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	go func() { left.Wait(); cancel() }()
	b.work(ctx, 4, func(_ context.Context, p parcel) receipt {
		if p.from[15]%2 == 0 {
			return receipt{err: failure}
		}
		return receipt{}
	})
	for n := range byte(20) {
		got, _ := answered.Load(n)
		if wantErr := n%2 == 0; (got == failure) != wantErr {
			t.Errorf("system %d: answered %v", n, got)
		}
	}
}
