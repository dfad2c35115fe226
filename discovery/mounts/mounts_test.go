package mounts

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"assim/discovery"
	"assim/discovery/discoverytest"
)

func TestRecordedHosts(t *testing.T) { discoverytest.Run(t, Plugin) }

func FuzzGraph(f *testing.F) { discoverytest.Fuzz(f, Plugin) }

func FuzzParse(f *testing.F) {
	f.Add("27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,errors=remount-ro\n")
	f.Add("91 27 0:51 / /media/my\\040share rw - cifs //s/x rw,addr=1.2.3.4\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parse(text)
		for _, m := range list {
			if err != nil || m.Target == "" || len(m.Target) > maxText {
				t.Errorf("%+v, %v", m, err)
			}
			server(&m)
		}
	})
}

func TestTheMountsEqualFindmnts(t *testing.T) {
	findmnt, err := exec.LookPath("findmnt")
	if err != nil {
		t.Skip("there is no findmnt here to compare with")
	}
	out, err := exec.Command(findmnt, "-J", "-l", "-o", "TARGET,SOURCE,FSTYPE,OPTIONS,FSROOT,MAJ:MIN").Output()
	if err != nil {
		t.Skipf("findmnt: %v", err)
	}
	var answer struct {
		Filesystems []struct{ Target, Source, FSType, Options, FSRoot string }
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	list, err := parse(string(text))
	if err != nil || len(list) != len(answer.Filesystems) {
		t.Fatalf("%d mounts, findmnt has %d (%v)", len(list), len(answer.Filesystems), err)
	}
	facts := 0
	for i, want := range answer.Filesystems {
		got := list[i]
		options := map[string]any{}
		addOptions(options, want.Options)
		if !maps.Equal(got.Options, options) {
			t.Errorf("%s: options %v, findmnt has %v", want.Target, got.Options, options)
		}
		source := got.Source
		if got.Root != "" {
			source += "[" + got.Root + "]"
		}
		if got.Target != want.Target || got.FSType != want.FSType || source != want.Source {
			t.Errorf("got %+v, findmnt has %+v", got, want)
		}
		facts += 4
	}
	t.Logf("%d facts equal findmnt's", facts)
}

// What findmnt printed on another system, as others recorded it. Their numbers
// are our text: 493 is "0755" or "755", read as octal where it is a mode.
func TestRecordedFindmntFacts(t *testing.T) {
	const dir = "../../../shared/fixtures/discovery/findmnt/"
	input, err := os.ReadFile(dir + "input")
	if err != nil {
		t.Skipf("the fixtures made by others are not here (%s); nothing is compared", dir)
	}
	expected, err := os.ReadFile(dir + "expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Data map[string]struct {
			FSType, Source string
			Options        map[string]any
		}
	}
	if err := json.Unmarshal(expected, &want); err != nil {
		t.Fatal(err)
	}
	mounts, _ := parse(asMountinfo(string(input)))
	got := map[string]Mount{}
	for _, m := range mounts {
		got[m.Target] = m
	}
	facts := 0
	for target, w := range want.Data {
		g, ok := got[target]
		if !ok || g.FSType != w.FSType || g.Source != w.Source {
			t.Errorf("%s: got %+v, want %+v", target, g, w)
			continue
		}
		for name, value := range w.Options {
			if unsteady[name] {
				continue
			}
			if !sameOption(g.Options[name], value) {
				t.Errorf("%s: option %s is %v, want %v", target, name, g.Options[name], value)
			}
			facts++
		}
		facts += 2
	}
	t.Logf("%d recorded facts reproduced", facts)
}

// asMountinfo turns findmnt's table into the kernel's. A source that is empty
// leaves a gap of two blanks; what others recorded then says the type instead.
func asMountinfo(text string) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.SplitN(line, " ", 4)
		if i == 0 || len(f) != 4 {
			continue
		}
		if f[1] == "" {
			f[1] = f[2]
		}
		fmt.Fprintf(&b, "%d 1 0:%d / %s %s - %s %s %s\n", i, i, f[0], f[3], f[2], f[1], "")
	}
	return b.String()
}

func sameOption(got, want any) bool {
	number, isNumber := want.(float64)
	text, isText := got.(string)
	if !isNumber {
		return got == want
	}
	decimal, err1 := strconv.ParseInt(text, 10, 64)
	octal, err2 := strconv.ParseInt(text, 8, 64)
	return isText && (err1 == nil && decimal == int64(number) || err2 == nil && octal == int64(number))
}

func TestWhatComesAndGoesIsLeftOut(t *testing.T) {
	root := fstest.MapFS{"proc/self/mountinfo": {Data: []byte("1 0 0:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:2 / /run/user/1000 rw - tmpfs tmpfs rw\n" +
		"3 1 0:3 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n4 1 0:4 net:[4026] /run/netns/x rw - nsfs nsfs rw\n")}}
	got, err := collect(context.Background(), discoverytest.NewHost(root, discoverytest.Host{}))
	if err != nil || len(got.(*Payload).Mounts) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := collect(context.Background(), discoverytest.NewHost(fstest.MapFS{}, discoverytest.Host{})); err != discovery.ErrNotHere {
		t.Errorf("without /proc: %v", err)
	}
}
