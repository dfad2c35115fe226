package capture

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// all reads a capture to its end.
func all(r io.Reader) (frames [][]byte, err error) {
	for f, e := range ReadFile(r) {
		if e != nil {
			return frames, e
		}
		frames = append(frames, slices.Clone(f.Data))
	}
	return frames, nil
}

func open1(t testing.TB, name string) []byte {
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBothFormsOfACaptureHoldTheSameFrames(t *testing.T) {
	classic, err1 := all(bytes.NewReader(open1(t, "ping.pcap")))
	next, err2 := all(bytes.NewReader(open1(t, "ping.pcapng")))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if len(classic) != 11 || !slices.EqualFunc(classic, next, bytes.Equal) {
		t.Errorf("%d frames and %d; tshark counts 11 in both", len(classic), len(next))
	}
	for _, f := range classic {
		if len(f) < 42 {
			t.Errorf("a frame of %d bytes", len(f))
		}
	}
}

func TestACaptureThatIsCutOffSaysWhere(t *testing.T) {
	for _, name := range []string{"ping.pcap", "ping.pcapng"} {
		whole := open1(t, name)
		for _, n := range []int{0, 3, 10, 30, 60, len(whole) - 1} {
			if _, err := all(bytes.NewReader(whole[:n])); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for a whole capture", name, n, len(whole))
			}
		}
	}
	if _, err := all(strings.NewReader("hello, world")); err == nil || !strings.Contains(err.Error(), "neither pcap nor pcapng") {
		t.Errorf("text is %v", err)
	}
}

func TestAReaderMayStopEarly(t *testing.T) {
	n := 0
	for range ReadFile(bytes.NewReader(open1(t, "ping.pcapng"))) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d frames", n)
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add(open1(f, "ping.pcap"))
	f.Add(open1(f, "ping.pcapng"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = all(bytes.NewReader(b)) })
}
