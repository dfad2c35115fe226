// Package trusttest has a register's memory for tests: a trust.KV that can be
// told to fail.
package trusttest

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"assim/graph"
)

// KV is a trust.KV in memory. Its zero value is empty and works.
type KV struct {
	mu   sync.Mutex
	data map[string][]byte
	// Fail, if not nil, is what Put returns instead of storing.
	Fail error
	Puts int // transactions
}

// Put stores all records or none.
func (k *KV) Put(records ...graph.Record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Fail != nil {
		return k.Fail
	}
	k.Puts++
	if k.data == nil {
		k.data = map[string][]byte{}
	}
	for _, r := range records {
		if r.Value == nil {
			delete(k.data, r.Bucket+"/"+r.Name)
			continue
		}
		k.data[r.Bucket+"/"+r.Name] = slices.Clone(r.Value)
	}
	return nil
}

// Get returns one value or graph.ErrNotFound.
func (k *KV) Get(bucket, name string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v, ok := k.data[bucket+"/"+name]; ok {
		return v, nil
	}
	return nil, graph.ErrNotFound
}

// Walk yields the records of a bucket in order of name.
func (k *KV) Walk(bucket string) iter.Seq2[graph.Record, error] {
	k.mu.Lock()
	data := maps.Clone(k.data)
	k.mu.Unlock()
	return func(yield func(graph.Record, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(data)) {
			b, n, _ := strings.Cut(name, "/")
			if b == bucket && !yield(graph.Record{Bucket: b, Name: n, Value: data[name]}, nil) {
				return
			}
		}
	}
}
