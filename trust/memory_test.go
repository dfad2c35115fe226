package trust_test

import (
	"encoding/binary"
	"iter"
	"runtime"
	"testing"

	"assim/graph"
	"assim/trust"
	"assim/wire"
)

// forgetful is a KV that keeps nothing: only the register's own memory counts.
type forgetful struct{}

func (forgetful) Put(...graph.Record) error          { return nil }
func (forgetful) Get(string, string) ([]byte, error) { return nil, graph.ErrNotFound }
func (forgetful) Walk(string) iter.Seq2[graph.Record, error] {
	return func(func(graph.Record, error) bool) {}
}

func TestMemoryOfTheRegisterPerMemberIsAtMost300Bytes(t *testing.T) {
	const members = 50_000
	keys, _, err := trust.LoadCMAKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	reg, err := trust.NewRegistry(forgetful{})
	if err != nil {
		t.Fatal(err)
	}
	e := &trust.Enroller{Registry: reg, Keys: keys}
	before := heap()
	for i := range members {
		m := wire.Enroll{}
		binary.BigEndian.PutUint32(m.Pub[:], uint32(i+1))
		if _, err := e.Decide(now, &trust.Applicant{Enroll: &m, Local: true}); err != nil {
			t.Fatal(err)
		}
	}
	per := (heap() - before) / members
	t.Logf("%d bytes per member", per)
	if per > 300 {
		t.Fatalf("%d bytes per member", per)
	}
	if reg.Count() != members {
		t.Fatal("not all are members")
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
