package bolt

import (
	"reflect"
	"testing"
)

// What the server keeps may have been written by anybody: reading it never
// panics, and what can be read is written the same again.
func FuzzWhatTheServerKeeps(f *testing.F) {
	f.Add("1,2,3,,4,", `{"l":["A"],"p":{"x":[1,"a"],"y":{"f":"NaN"}}}`, `{"n":["A","a","B","b"],"t":["T"],"r":[0,0,1],"i":{"0":"x"}}`, `["A","a","T","B","b",""]`)
	f.Add("1,2,3,9,4,5", ``, `{"n":["A"]}`, `["A","a"]`)
	f.Add(",,,,,1", `{"i":1,"p":{"a":1.5}}`, `{"n":[],"t":[],"r":[-1,0,7]}`, `{`)
	f.Fuzz(func(t *testing.T, head, more, elems, identity string) {
		if v, err := parseHead(head); err == nil {
			again, err := parseHead(v.head())
			if err != nil || !reflect.DeepEqual(v, again) {
				t.Fatalf("%q is read as %+v, and what that writes as %+v, %v", head, v, again, err)
			}
		}
		if v, err := decodeLive(map[string]any{"_v": head, "_more": more, "name": "a", "__x": int64(1)}); err == nil && v.Props["name"] == nil {
			t.Fatalf("with %q a property is lost", more)
		}
		_, _ = decodeLive(map[string]any{"_v": head, "_more": more})
		_, _ = decodeVersion(more)
		if said, err := decodeElements(elems); err == nil {
			checkElements(t, said)
		}
		if e, err := uid(identity).parse(); err == nil && !e.isRel {
			_ = nodeUID(e.node).key()
		}
	})
}

// checkElements sees that what was read is written and read again as it is.
func checkElements(t *testing.T, said map[uid]element) {
	b := newBatch(t.Context(), nil, counters{})
	src := &source{elems: map[uid]*item{}}
	for u, e := range said {
		src.elems[u] = &item{uid: u, element: e}
	}
	text, err := b.encodeElements(src)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := decodeElements(text); err != nil || !reflect.DeepEqual(said, again) {
		t.Fatalf("%v is read again as %v, %v", said, again, err)
	}
}
