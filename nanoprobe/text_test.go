package nanoprobe

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// attributes is a long list, as discovery makes them.
func attributes(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"/etc/pam.d/full-%06d.conf":{"group":"root","mode":"0644","owner":"root","type":"file"},`, i)
	}
	return []byte(b.String())
}

func TestATextThatWasSqueezedReadsAsBefore(t *testing.T) {
	for _, plain := range [][]byte{nil, []byte("{}"), []byte("aaaaaaaaaaaaaaaaaaaaaaaaaa"), attributes(3), attributes(4096), bytes.Repeat([]byte("0123456789"), 1000)} {
		kept := &text{plain: plain}
		kept.squeeze()
		got, err := kept.read()
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes read as %d: %v", len(plain), len(got), err)
		}
		if len(plain) >= worthSqueezing && (kept.plain != nil || len(kept.small) > len(plain)/8) {
			t.Errorf("of %d bytes %d are kept, and %d", len(plain), len(kept.plain), len(kept.small))
		}
	}
}

func FuzzWiden(f *testing.F) {
	f.Add(squeeze(attributes(2)))
	f.Add([]byte{200, 1, 0, 200, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, err := widen(b)
		if err == nil && len(plain) > maxText {
			t.Fatalf("%d bytes came out", len(plain))
		}
		if back, err := widen(squeeze(b)); err != nil || !bytes.Equal(back, b) {
			t.Fatalf("%q came back as %q: %v", b, back, err)
		}
	})
}
