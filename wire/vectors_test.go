package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/vectors anew; then read the difference as if it were code")

const vectorDir = "../docs/vectors"

// vector is one message with the keys it was made with. The files are the
// authority: an implementation in another language reads them as well.
type vector struct {
	Name    string         `json:"name"`
	Key     string         `json:"key,omitempty"`       // hex
	Dir     string         `json:"direction,omitempty"` // up or down, of a tick
	Clear   map[string]any `json:"clear,omitempty"`     // what a signal says in clear
	Says    any            `json:"says"`
	Message string         `json:"message"` // hex
}

// plain renders a message with byte strings in hex and durations in words.
func plain(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String()
	case fmt.Stringer:
		if v.Kind() != reflect.Uint8 {
			return x.String()
		}
	}
	switch v.Kind() {
	case reflect.Array, reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			reflect.Copy(reflect.ValueOf(b), v)
			return hex.EncodeToString(b)
		}
		list := []any{}
		for i := range v.Len() {
			list = append(list, plain(v.Index(i)))
		}
		return list
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			inner := plain(v.Field(i))
			if embedded, ok := inner.(map[string]any); ok && f.Anonymous {
				for name, value := range embedded {
					fields[name] = value
				}
				continue
			}
			fields[f.Name] = inner
		}
		return fields
	case reflect.Uint64:
		return fmt.Sprint(v.Uint()) // JSON's numbers are too small for it.
	}
	return v.Interface()
}

func says(v any) any { return plain(reflect.ValueOf(v)) }

// checkVectors compares what we make, and read, with the file.
func checkVectors(t *testing.T, file string, made []vector) {
	t.Helper()
	path := filepath.Join(vectorDir, file)
	now, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	now = append(now, '\n')
	if *update {
		if err := os.WriteFile(path, now, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file2, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(now, file2) {
		t.Errorf("%s is not what we send any more; that breaks every nanoprobe in the field: see the version history in doc.go (made now with go test ./wire -update)", path)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectorsOfTicks(t *testing.T) {
	var made []vector
	for name, c := range []struct {
		name string
		tick Tick
		dir  Dir
	}{
		{"heartbeat, from the smaller id to the larger", testTick, Up},
		{"question, from the larger id to the smaller", testAsk, Down},
		{"first heartbeat: nothing heard yet", Tick{Kind: Heartbeat, Edge: 1, Session: 2, Seq: 1}, Up},
		{"answer", Tick{Kind: Heard, Edge: 1, Session: 2, Seq: 2, Subject: 3}, Up},
		{"goodbye", Tick{Kind: Goodbye, Edge: 1, Session: 2, Seq: 3, EchoSession: 4, EchoSeq: 5, Gen: 6}, Down},
	} {
		b := AppendTick(nil, &c.tick, testEdgeKey, c.dir)
		got, err := OpenTick(b, testEdgeKey, c.dir)
		if err != nil {
			t.Fatal(name, err)
		}
		dir := map[Dir]string{Up: "up", Down: "down"}[c.dir]
		made = append(made, vector{Name: c.name, Key: hex.EncodeToString(testEdgeKey[:]), Dir: dir, Says: says(got), Message: hex.EncodeToString(b)})
	}
	checkVectors(t, "tick.json", made)
}

func TestVectorsOfSignals(t *testing.T) {
	report := AppendReport(nil, []Observation{{Kind: ObsUnresponsive, About: ID{1}, Ring: 7, Ago: time.Second, Silent: 2 * time.Second}})
	var made []vector
	for _, c := range []struct {
		name    string
		fromCMA bool
		signal  Signal
	}{
		{"announce", false, Signal{Session: 1700000000001, Seq: 1, Kind: KindAnnounce, Body: AppendAnnounce(nil, &testAnnounce)}},
		{"its acknowledgment, with a slot", true, Signal{Session: 1700000000001, Seq: 1, AckThrough: 1, Cookie: 0xfeed, Slot: 1500 * time.Millisecond, Kind: KindAck}},
		{"report", false, Signal{Session: 1700000000001, Seq: 2, Cookie: 0xfeed, Applied: 3, Kind: KindReport, Body: report}},
		{"document", false, Signal{Session: 1700000000001, Seq: 3, Cookie: 0xfeed, Applied: 3, Kind: KindDocument, Flags: FlagBulk, Body: AppendDocument(nil, &testDocument)}},
		{"hold", true, Signal{Session: 1700000000001, Seq: 3, AckThrough: 2, Cookie: 0xfeed, Slot: 4 * time.Second, Kind: KindHold}},
		{"demand", true, Signal{Session: 1700000000001, Seq: 3, AckThrough: 2, Cookie: 0xbeef, Kind: KindDemand}},
		{"session old", true, Signal{Session: 1700000000001, Seq: 3, Cookie: 0xbeef, Kind: KindSessionOld, Body: AppendSessionOld(nil, SessionOld{1700000000009})}},
		{"part of the desired state", true, Signal{Session: 1700000000001, Cookie: 0xfeed, Kind: KindDesired, Body: AppendDesiredPart(nil, &DesiredPart{4, 0, 2, []byte("part")})}},
		{"echo of its generation", false, Signal{Session: 1700000000001, Cookie: 0xfeed, Applied: 4, Kind: KindEcho}},
	} {
		e := testEnvelope
		e.FromCMA = c.fromCMA
		k := NewSealer(testNodeKey)
		b := AppendSignal(nil, k, e, &c.signal)
		got, err := OpenSignal(b, k, c.fromCMA)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, vector{
			Name: c.name, Key: hex.EncodeToString(testNodeKey[:]), Says: says(got), Message: hex.EncodeToString(b),
			Clear: says(e).(map[string]any),
		})
	}
	checkVectors(t, "signal.json", made)
}

func TestVectorsOfStrangers(t *testing.T) {
	secret := bytes.Repeat([]byte{5}, 32)
	hello := Hello{Token: TokenID{1, 2}, Pub: PubKey{3, 4}, Nonce: 5, Cookie: [16]byte{6, 7}}
	reply := HelloReply{Slot: time.Second, Nonce: 5, Pub: PubKey{8, 9}}
	cookie := HelloReply{Nonce: 5, Cookie: [16]byte{6, 7}, Pub: PubKey{8, 9}}
	key := hex.EncodeToString(secret)
	checkVectors(t, "hello.json", []vector{
		{Name: "hello with a cookie", Key: key, Says: says(hello), Message: hex.EncodeToString(AppendHello(nil, &hello, secret))},
		{Name: "hello without a token", Says: says(Hello{Pub: PubKey{3, 4}, Nonce: 5}), Message: hex.EncodeToString(AppendHello(nil, &Hello{Pub: PubKey{3, 4}, Nonce: 5}, nil))},
		{Name: "reply with a cookie", Key: key, Says: says(cookie), Message: hex.EncodeToString(AppendHelloReply(nil, &cookie, secret))},
		{Name: "reply with a slot", Key: key, Says: says(reply), Message: hex.EncodeToString(AppendHelloReply(nil, &reply, secret))},
	})
}

func TestVectorsOfBodies(t *testing.T) {
	var made []vector
	for _, c := range codecs() {
		got, _, err := c.again(unhex(t, hex.EncodeToString(c.bytes)))
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, vector{Name: c.name, Says: says(got), Message: hex.EncodeToString(c.bytes)})
	}
	frame := AppendFrame(nil, FrameContact, AppendContact(nil, Contact{testID, 4}))
	made = append(made, vector{Name: "Contact in its bulk frame", Says: says(Contact{testID, 4}), Message: hex.EncodeToString(frame)})
	desired := Desired{
		Gen: 4, Timing: DefaultTiming, Schedule: []Schedule{{Type: "arp", Every: time.Minute}, {Type: "os", Every: -1}},
		Rings: []RingView{{Ring: 7, Version: 2, Size: 2, Self: 0, Keys: [][16]byte{{}, testEdgeKey}, Members: []Member{
			{ID: ID{1}, Addr: testAnnounce.Addrs[0]}, {ID: ID{2}, Addr: testAnnounce.Addrs[1], Alt: testAnnounce.Addrs[:1]},
		}}},
	}
	made = append(made, vector{Name: "Desired", Says: says(desired), Message: hex.EncodeToString(AppendDesired(nil, &desired))})
	desired.Gen, desired.Base = 5, 4
	desired.Rings = []RingView{{Ring: 7, Version: 2, Size: 2, Self: 0, Same: true}}
	made = append(made, vector{Name: "Desired, without what generation 4 said", Says: says(desired), Message: hex.EncodeToString(AppendDesired(nil, &desired))})
	proof := EnrollProof(bytes.Repeat([]byte{5}, 32), PubKey{3}, bytes.Repeat([]byte{7}, 32))
	made = append(made, vector{
		Name: "EnrollProof", Key: hex.EncodeToString(bytes.Repeat([]byte{5}, 32)),
		Says: map[string]any{"Pub": says(PubKey{3}), "binding": hex.EncodeToString(bytes.Repeat([]byte{7}, 32))}, Message: hex.EncodeToString(proof[:]),
	})
	checkVectors(t, "body.json", made)
}
