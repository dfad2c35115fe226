package discovery

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestEqualFactsAreEqualBytes(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"b":1,"a":2}`, `{"a":2,"b":1}`},
		{` { "a" : [ 1 , 2.0 , 3e0 ] } `, `{"a":[1,2,3]}`},
		{`-0`, `0`},
		{`-0.0`, `0`},
		{`1e3`, `1000`},
		{`0.10`, `0.1`},
		{`18446744073709551615`, `18446744073709551615`},
		{`9007199254740993`, `9007199254740993`},
		{`"<a&b>"`, `"<a&b>"`},
		{`"\u003c\u0041"`, `"<A"`},
		{`"\ud800"`, "\"\ufffd\""},
		{`"a\u0000\n\t\"\\\u007f"`, `"a\u0000\n\t\"\\\u007f"`},
		{`{"a":null,"é":true}`, `{"a":null,"é":true}`},
		{`{"b":{"]":[{},[],"}\\\""]},"a":"{","b":2}`, `{"a":"{","b":2}`},
		{`{"\u0061":1,"b":3,"a":2}`, `{"a":2,"b":3}`},
		{`[[],{},"",[1,[2]],{"a":{"b":[]}}]`, `[[],{},"",[1,[2]],{"a":{"b":[]}}]`},
		{"\"\xff\"", "\"\ufffd\""},
	} {
		got, hash, err := Canonical(json.RawMessage(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s is %s, %v; want %s", c.in, got, err, c.want)
		}
		if hash != Hash([]byte(c.want)) || len(hash) != 64 {
			t.Errorf("%s has hash %s", c.in, hash)
		}
	}
}

func TestWhatIsNoDocumentIsAnError(t *testing.T) {
	for name, in := range map[string]any{
		"two values":    json.RawMessage(`{} {}`),
		"not JSON":      json.RawMessage(`{a:1}`),
		"infinite":      math.Inf(1),
		"out of range":  json.RawMessage(`1e999`),
		"a channel":     make(chan int),
		"nested deeply": json.RawMessage(strings.Repeat("[", 100) + strings.Repeat("]", 100)),
		"too large":     strings.Repeat("x", MaxDocument),
	} {
		if _, _, err := Canonical(in); err == nil {
			t.Errorf("%s: taken for a document", name)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add([]byte(`{"b":[1,2.5,"x\u2028"],"a":null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		once, _, err := Canonical(json.RawMessage(in))
		if err != nil {
			return
		}
		if want, got := exactly(t, in), exactly(t, once); !reflect.DeepEqual(got, want) {
			t.Errorf("%q became %q: %v is not %v", in, once, got, want)
		}
		twice, _, err := Canonical(json.RawMessage(once))
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%q is canonical as %q and again as %q, %v", in, once, twice, err)
		}
		if !json.Valid(once) {
			t.Errorf("%q is not JSON", once)
		}
	})
}

// exactly is what encoding/json reads, with numbers as far as they are told apart.
func exactly(t *testing.T, doc []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(doc, &value); err != nil {
		t.Fatalf("%q: %v", doc, err)
	}
	return value
}
