package arp

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// capture are the frames of a little-endian pcap file.
func capture(t testing.TB, name string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for b = b[24:]; len(b) >= 16; {
		n := int(b[8]) | int(b[9])<<8
		frames = append(frames, b[16:16+n])
		b = b[16+n:]
	}
	return frames
}

// TestARPAndNDPFramesSayWhatTsharkSays compares sender, addresses and kind.
func TestARPAndNDPFramesSayWhatTsharkSays(t *testing.T) {
	const file = "testdata/pcap/ping.pcap"
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed (apt-get install tshark); frames are not compared with it")
	}
	out, err := exec.Command("tshark", "-r", file, "-T", "fields", "-E", "separator=|", "-e", "eth.src", "-e", "arp.opcode", "-e", "arp.src.proto_ipv4",
		"-e", "arp.dst.proto_ipv4", "-e", "icmpv6.type", "-e", "ipv6.src", "-e", "icmpv6.nd.ns.target_address", "-e", "icmpv6.nd.na.target_address").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	frames := capture(t, file)
	if len(lines) != len(frames) {
		t.Fatalf("%d frames, tshark has %d", len(frames), len(lines))
	}
	kinds := map[string]string{"1": "arp request", "2": "arp reply", "135": "neighbor solicitation", "136": "neighbor advertisement"}
	met := 0
	for i, line := range lines {
		f := strings.Split(line, "|")
		h, err := Decode(frames[i])
		if kinds[f[1]+f[4]] == "" {
			if !errors.Is(err, ErrNeither) {
				t.Errorf("frame %d: %v; tshark says it is neither", i+1, err)
			}
			continue
		}
		met++
		if want := (Heard{Kind: kinds[f[1]+f[4]], MAC: f[0], IP: addr(f[2] + f[5]), Target: addr(f[3] + f[6] + f[7])}); err != nil ||
			h.Kind != want.Kind || h.MAC != want.MAC || h.IP != want.IP || h.Target != want.Target {
			t.Errorf("frame %d: %+v, %v; tshark says %+v", i+1, h, err, want)
		}
	}
	if met < 6 {
		t.Errorf("only %d frames compared", met)
	}
}

func addr(text string) netip.Addr {
	a, _ := netip.ParseAddr(text)
	return a
}

func FuzzDecode(f *testing.F) {
	for _, frame := range capture(f, "testdata/pcap/ping.pcap") {
		f.Add(frame)
	}
	f.Fuzz(func(_ *testing.T, frame []byte) { _, _ = Decode(frame) })
}
